"""Code that is compiled, executed, generated and changed at run time."""

import ast
import linecache
import os
import types

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = """\
def made(n):
    if n:
        return [
            n,
            made(0),
        ]
    return None


class Made:
    def method(self):
        return 1


made(1)
for i in range(2):
    try:
        i / i
    except ZeroDivisionError:
        pass
"""


def executed():
    namespace = {}
    exec("a = 1\nb = [n for n in range(2)]", namespace)
    exec(SOURCE, {})
    eval("a + b[0]", namespace)
    eval(
        "(lambda: a)()",
        namespace,
    )
    return namespace


def with_file_name():
    namespace = {"__name__": "made"}
    exec(compile(SOURCE, os.path.join(HERE, "generated.py"), "exec"), namespace)
    namespace["Made"]().method()
    linecache.cache["generated"] = (len(SOURCE), None, SOURCE.splitlines(True), "generated")
    exec(compile("x = 1\ny = 2\n", os.path.join(HERE, "parts", "..", "normalised.py"), "exec"), {})
    exec(compile("\n" * 300 + "x = 1\n", os.path.join(HERE, "late_lines.py"), "exec"), {})
    exec(compile("\n" * 70000 + "def f():\n    return 1\n\nf()\n", os.path.join(HERE, "far_lines.py"), "exec"), {})
    return namespace


def without_module():
    """Namespaces that lack what modules have."""
    exec(compile("x = 1\n", os.path.join(HERE, "no_name.py"), "exec"), {})
    exec(compile("x = 1\n", os.path.join(HERE, "odd_name.py"), "exec"), {"__name__": 5, "__file__": None})
    exec(compile("x = 1\ndef f():\n    return x\n", os.path.join(HERE, "locals.py"), "exec"), {}, {"x": 2})


def template():
    """Generated code that bears the name of another kind of file."""
    exec(compile("a = 1\n\n\nb = 2\n", os.path.join(HERE, "page.html"), "exec"), {})


def from_tree():
    tree = ast.parse("def f(n):\n    if n:\n        return 1\n    return 2\n\n\nf(1)\n")
    ast.increment_lineno(tree, 100)
    exec(compile(tree, os.path.join(HERE, "from_tree.py"), "exec"), {})
    tree = ast.parse("a = 1\nb = 2\nc = 3\n")
    for number, node in zip((30, 10, 20), tree.body):
        for inner in ast.walk(node):
            if hasattr(inner, "lineno"):
                inner.lineno = inner.end_lineno = number
    exec(compile(tree, os.path.join(HERE, "backwards.py"), "exec"), {})


def function_objects():
    def original(n=1):
        if n:
            return n
        return None

    copied = types.FunctionType(original.__code__, {}, "copied", (0,))
    copied()
    original.__code__ = replacement.__code__
    original(2)
    renamed = types.FunctionType(replacement.__code__.replace(co_name="renamed"), globals())
    renamed(0)
    moved = replacement.__code__.replace(co_filename=os.path.join(HERE, "moved.py"))
    types.FunctionType(moved, globals())(1)
    lower = replacement.__code__.replace(co_firstlineno=1000)
    types.FunctionType(lower, globals())(1)
    return original


def replacement(n=1):
    if n:
        return n + 1
    return -1


def many():
    """A lot of functions of one name."""
    for number in range(50):
        namespace = {}
        exec(compile("def f():\n    return %d\n" % number, os.path.join(HERE, "many.py"), "exec"), namespace)
        namespace["f"]()


def single():
    code = compile("1 + 1; None\n", os.path.join(HERE, "single.py"), "single")
    exec(code, {})
    eval(compile("(1 +\n 2)", os.path.join(HERE, "eval.py"), "eval"))


def long_jumps(n):
    """Jumps over so much code that they need extended arguments."""
    text = ["def long(n):", "    if n:"]
    text += ["        n = n + %d" % i for i in range(400)]
    text += ["    else:"] + ["        n = n - %d" % i for i in range(400)]
    text += ["    while n:", "        n = 0", "        for i in range(2):"]
    text += ["            n = n * %d" % i for i in range(400)]
    text += ["        if n: break", "    return n", "", "long(0)", "long(1)"]
    exec(compile("\n".join(text), os.path.join(HERE, "long_jumps.py"), "exec"), {})


def main():
    executed()
    with_file_name()
    without_module()
    template()
    from_tree()
    function_objects()
    many()
    single()
    long_jumps(1)
