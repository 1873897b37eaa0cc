"""Rewrites the standard library's code, compares what is known of opcodes, and runs some of it.

With the argument "plain" it runs the same under a trace function instead.
"""

import importlib.machinery
import os
import sys

from attach_agent.coverage.probes import bytecode
from attach_agent.coverage.probes.checking import check
from attach_agent.coverage.probes.rewriting import rewrite
from selfattach import report

LIBRARY = os.path.dirname(os.__file__)
EVERY = 4  # one file of so many is only rewritten
#: Run with probes: without C twins that would hide them, and without state that others share.
MODULES = (
    "_pydecimal argparse bisect calendar cmd colorsys configparser contextlib copy dataclasses difflib fnmatch "
    "fractions gettext graphlib heapq html.parser json.decoder json.encoder json.scanner optparse pprint shlex "
    "statistics string tabnanny textwrap tokenize uu xml.sax.saxutils"
).split()
AGAIN = " again"  # tells the code of ours from that of the modules that the library itself imports
#: What leads into the midst of a line.
SNIPPETS = """
import asyncio
def one_line(n):
    try:
        1 // n
    finally:
        n += 1
class Manager:
    def __enter__(self): return 1
    def __exit__(self, *exception): return True
def swallowed(n):
    seen = 1
    with Manager() as manager:
        if n:
            raise KeyError(
                n)
        seen = 2
        seen = 3
async def numbers(n):
    for i in range(n):
        yield i
async def loops(n):
    async for i in numbers(n):
        if i: break
        n += 1
    else:
        n = [i async for i in numbers(2)
             if i]
    async with asyncio.Lock(): n = await asyncio.sleep(0, 5)
    return n
def caught(n):
    while True:
        try:
            try: n += {}[n]
            except IndexError: n = 1
        except KeyError as error: n = (
            error)
        else: return 1
        finally:
            if n: break
try: one_line(0)
except ZeroDivisionError: pass
swallowed(1)
for n in (0, 1):
    asyncio.new_event_loop().run_until_complete(loops(n))
    caught(n)
"""
made = []
lines = {}


def with_probes(code):
    rewritten = rewrite(code, with_probes)
    if rewritten is None:
        return code
    check(rewritten)
    made.append(rewritten)
    return rewritten.code


def rewrite_many():
    count = 0
    for folder, folders, names in os.walk(LIBRARY):
        folders[:] = sorted(name for name in folders if name not in ("site-packages", "lib2to3", "idlelib", "test"))
        for name in sorted(names):
            if name.endswith(".py"):
                count += 1
                if count % EVERY == 0:
                    with open(os.path.join(folder, name), "rb") as file:
                        with_probes(compile(file.read(), name, "exec", 0, True))
    return len(made)


def opcodes():
    """The numbers that are written down in the agent, as ``opcode`` has them."""
    import opcode

    names = "NOP STORE_SUBSCR LOAD_CONST JUMP_FORWARD EXTENDED_ARG END_ASYNC_FOR".split()
    same = [getattr(bytecode, name) == opcode.opmap[name] for name in names]
    same.append(bytecode.RELATIVE == set(opcode.hasjrel) and bytecode.ABSOLUTE == set(opcode.hasjabs))
    for name in ("GEN_START", "RESUME", "SEND"):
        same.append(getattr(bytecode, name) == opcode.opmap.get(name, -1))
    setups = {number for name, number in opcode.opmap.items() if name.startswith("SETUP_") and number >= 122}
    same.append(bytecode.SETUPS == (setups & set(opcode.hasjrel)))
    caches = getattr(opcode, "_inline_cache_entries", [0] * 256)
    same.append([units // 2 for units in bytecode.CACHES] == list(caches))
    same.append(bytecode.BACKWARD == {number for name, number in opcode.opmap.items() if "JUMP_BACKWARD" in name})
    return same


def load(name, change):
    """A module of the library, made anew of changed code; it is not in sys.modules."""
    spec = importlib.machinery.PathFinder.find_spec("json" if "." in name else name)
    path = os.path.join(LIBRARY, *name.split(".")) + ".py"
    if spec is None or not os.path.exists(path):
        return None
    module = type(sys)("again." + name)
    module.__file__ = path
    module.__package__ = name.rpartition(".")[0]
    sys.modules[module.__name__] = module  # dataclasses look for it
    with open(path, "rb") as file:
        code = compile(file.read(), path + AGAIN, "exec", 0, True)
    exec(change(code), module.__dict__)
    return module


def work(change):
    """Execute each module, and use some."""
    exec(change(compile(SNIPPETS, "snippets" + AGAIN, "exec", 0, True)), {"__name__": "snippets"})
    found = {name: load(name, change) for name in MODULES}
    decimal, text, parser = found["_pydecimal"], found["textwrap"], found["argparse"].ArgumentParser(prog="p")
    values = [str(decimal.Decimal(2).sqrt() / 3), str(decimal.Decimal("1e5").quantize(decimal.Decimal("0.01")))]
    values += text.wrap("a long text " * 20, 30) + [text.dedent("  a\n   b"), text.shorten("one two three", 9)]
    parser.add_argument("--number", type=int, default=3, help="a number")
    parser.add_argument("files", nargs="*")
    values += [parser.format_help(), str(parser.parse_args(["--number", "4", "x", "y"]))]
    values += list(found["difflib"].unified_diff("abcd\nef".split(), "abd\nefg".split()))
    values += found["shlex"].split("a 'b c' \"d\" # e", comments=True)
    values.append(str(found["statistics"].stdev([1, 2.5, 4])))
    values.append(found["calendar"].TextCalendar().formatmonth(2024, 2))
    values.append(str(found["json.encoder"].JSONEncoder(indent=2).encode({"a": [1, None, "\u00e9"], "b": {}})))
    values.append(str(found["json.decoder"].JSONDecoder().decode('{"a": [1, 2.5, true], "b": "\\u00e9"}')))
    configuration = found["configparser"].ConfigParser()
    configuration.read_string("[a]\nx = 1\ny = %(x)s 2\n")
    values.append(configuration["a"]["y"])
    values.append(found["pprint"].pformat({"a": list(range(40)), "b": {"c": "d" * 100}}))
    values.append(str(found["fractions"].Fraction("3/4") + found["fractions"].Fraction(1.5)))
    point = found["dataclasses"].make_dataclass("Point", [("x", int), ("y", int, 5)], order=True)
    values += [repr(point(1)), str(point(1) < point(2)), found["string"].Template("$a b").substitute(a=1)]
    with open(text.__file__, "rb") as file:
        values.append(str(len(list(found["tokenize"].tokenize(file.readline)))))
    return values


def tracer(frame, event, arg):
    if not frame.f_code.co_filename.endswith(AGAIN):
        return None
    if event == "line":
        lines.setdefault(frame.f_code.co_filename, set()).add(frame.f_lineno)
    return tracer


values = []
if "plain" in sys.argv:
    sys.settrace(tracer)
    values = work(lambda code: code)
    sys.settrace(None)
    report(values=values, lines=lines)
else:
    count = rewrite_many()
    del made[:]
    values = work(with_probes)
    for rewritten in made:
        for offset, line in zip(rewritten.offsets, rewritten.lines):
            if rewritten.window[offset] == bytecode.JUMP_FORWARD:
                lines.setdefault(rewritten.code.co_filename, set()).add(line)
    report(values=values, lines=lines, count=count, opcodes=opcodes())
