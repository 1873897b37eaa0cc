"""Before anything is touched: does what is known here of bytecode hold in this very process?"""

from __future__ import annotations

import gc
import sys

from .bytecode import JUMP_FORWARD, KNOWN_MAGIC, NOP, Unsafe
from .checking import check
from .imports import ImportHook
from .memory import frames_are_evaluated_elsewhere
from .rewriting import Rewritten, rewrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

#: Modules that translate bytecode of functions into something else. A probe would be more than they know.
BYTECODE_READERS = ("numba", "pony.orm", "torch._dynamo")

#: Each function is called with 0 and 1; the comments tell the lines that run then.
_SHAPES = """
def loop(n):
    total = 0  # 0 1
    for i in range(n + 2):  # 0 1
        if i > 1:  # 0 1
            continue  # 1
        total += i  # 0 1
    while total > 0:  # 0 1
        total -= 1  # 0 1
    return total, [x + n for x in range(3)]  # 0 1


def handlers(n):
    seen = []  # 0 1
    try:  # 0 1
        seen.append(1 // n)  # 0 1
    except ZeroDivisionError as error:  # 0
        seen.append(str(error))  # 0
    else:
        seen.append("else")  # 1
    finally:
        seen.append("end")  # 0 1
    with Manager(seen) as manager:  # 0 1
        manager.append(n)  # 0 1
        raise KeyError(n)  # 0 1
    return seen  # 0 1


class Manager:
    def __init__(self, seen):
        self.seen = seen

    def __enter__(self):
        return self.seen

    def __exit__(self, *exception):
        self.seen.append(exception[0].__name__)
        return True


def generators(n):
    def inner():  # 0 1
        got = yield n
        try:
            yield from (got, n)
        finally:
            yield "closing"

    async def coroutine():  # 0 1
        return n

    made = inner()  # 0 1
    values = [next(made), made.send(5), *made]  # 0 1
    try:  # 0 1
        coroutine().send(None)  # 0 1
    except StopIteration as end:  # 0 1
        values.append(end.value)  # 0 1
    return values  # 0 1
"""
#: A function whose jumps and constants need EXTENDED_ARG.
_LONG = """

def long(n):
    for _ in range(2):  # 0 1
%s        if n:  # 0 1
            return n  # 0 1
        n = 300  # 0
""" % "".join("        n = n + %d - %d  # 0 1\n" % (number, number) for number in range(1000, 1150))


def unusable() -> str:
    """Why probes cannot be used in this process, as a clause; empty if they can."""
    magic = sys.modules["_frozen_importlib_external"].__dict__["MAGIC_NUMBER"]
    if KNOWN_MAGIC is None or int.from_bytes(magic[:2], "little") != KNOWN_MAGIC:
        return "the bytecode of this Python is not known"
    if gc.get_freeze_count():
        return "objects are hidden from the garbage collector (gc.freeze)"
    for name in BYTECODE_READERS:
        if name in sys.modules:
            return "%s reads bytecode" % name
    if frames_are_evaluated_elsewhere():
        return "something else evaluates frames (PEP 523)"
    if not ImportHook(lambda code, _: code).is_usable():
        return "importlib is not the one of CPython"
    try:
        return _first_difference()
    except Exception as error:  # whatever it is: nothing was touched yet
        return "the self-test failed: %s: %s" % (type(error).__name__, error)


def _first_difference() -> str:
    text = _SHAPES + _LONG
    code = compile(text, "<live-attach>/shapes", "exec", 0, True)
    lines = text.split("\n")
    plain, probed = _namespace(code), _namespace(code)
    for name in ("loop", "handlers", "generators", "long"):
        function = probed[name]
        rewritten = _rewritten(function.__code__)
        function.__code__ = rewritten.code
        first, last = min(rewritten.lines), max(rewritten.lines)
        for argument in (0, 1):
            if function(argument) != plain[name](argument):
                return "the self-test failed: %s(%d) has changed" % (name, argument)
            wanted = {at for at in range(first, last + 1) if str(argument) in lines[at - 1].partition("  # ")[2]}
            if _take_lines(rewritten) != wanted:
                return "the self-test failed: other lines of %s(%d)" % (name, argument)
    return ""


def _namespace(code: CodeType) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "live_attach_shapes"}
    exec(code, namespace)
    return namespace


def _rewritten(code: CodeType) -> Rewritten:
    """As the `Registry` does."""
    rewritten = rewrite(code, lambda nested: _rewritten(nested).code)
    if rewritten is None:
        raise Unsafe("nothing to rewrite")
    check(rewritten)
    return rewritten


def _take_lines(rewritten: Rewritten) -> set[int]:
    """The lines that have run; their probes are made ready again."""
    window = rewritten.window
    ran = [index for index, offset in enumerate(rewritten.offsets) if window[offset] == JUMP_FORWARD]
    for index in ran:
        window[rewritten.offsets[index]] = NOP
    return {rewritten.lines[index] for index in ran}
