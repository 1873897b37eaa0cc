"""Functions by MOD:QUALNAME: this module is ``things``, and argv a folder for one that comes later."""

import functools
import os
import sys

from selfbreak import SelfBreak, refusal, report

sys.modules["things"] = sys.modules["__main__"]
__name__ = "things"


def wrapping(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


def hiding(function):
    def wrapper(*args):
        return function(*args)

    return wrapper


def plain(n):
    """A docstring."""
    answer = n  # plain
    return answer


@wrapping
@wrapping
def wrapped(n):
    return n  # wrapped


@hiding
def hidden(n):
    return n  # hidden


@functools.lru_cache(maxsize=None)
def cached(n):
    return n  # cached


part = functools.partial(plain, 1)


class Thing:
    """A class."""

    def __init__(self, n):
        self.n = n  # Thing

    def method(self):
        return self.n  # Thing.method

    @staticmethod
    def static():
        return 1  # Thing.static

    @classmethod
    @wrapping
    def of_class(cls):
        return 2  # Thing.of_class

    @property
    def attribute(self):
        return 3  # Thing.attribute

    class Nested:
        def deep(self):
            return 4  # Thing.Nested.deep


class Derived(Thing):
    pass


def outer():
    def inner():
        return 5  # outer.<locals>.inner

    return inner


def generator():
    yield 1  # generator
    yield 2


async def coroutine():
    return 6  # coroutine


one_line = lambda n: n + 1


def run(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        pass


thing = Thing(1)
CALLS = {
    "plain": lambda: plain(1),
    "wrapped": lambda: wrapped(1),
    "hidden": lambda: hidden(1),
    "cached": lambda: cached(len(answers)),
    "part": lambda: part(),
    "Thing": lambda: Thing(2),
    "Thing.method": thing.method,
    "Derived.method": Derived(1).method,
    "Thing.static": Thing.static,
    "Thing.of_class": Thing.of_class,
    "Thing.attribute": lambda: thing.attribute,
    "Thing.Nested.deep": lambda: Thing.Nested().deep(),
    "outer.<locals>.inner": lambda: outer()(),
    "generator": lambda: list(generator()),
    "coroutine": lambda: run(coroutine()),
    "one_line": lambda: one_line(1),
}
answers = {}
for name, call in CALLS.items():
    breaks = SelfBreak()
    filename, line = breaks.arm_function("things", name)
    assert filename == __file__, filename
    call()
    other = plain if name == "wrapped" else wrapped
    other(1)
    hits = breaks.take()
    breaks.close()
    call()
    answers[name] = [line, hits, breaks.take()]

breaks = SelfBreak()
refused = refusal(breaks.arm_function, "things", "plane")
folder = sys.argv[1]
with open(os.path.join(folder, "later.py"), "w") as file:
    file.write("def first():\n    return 1\n\n\nclass Shop:\n    def __init__(self):\n        self.n = 1\n\n")
    file.write("    def first(self):\n        return 2\n")
sys.path.insert(0, folder)
told = []
breaks.breakpoints.on_function = lambda filename, line: told.append((os.path.basename(filename), line))
waiting = [breaks.arm_function("later", name) for name in ("first", "Shop")]
import later

shop = later.Shop()
later.Shop()
shop.first()
later.first()
later.first()
hits = breaks.take()
breaks.close()
lines = {line.rpartition("  # ")[2].strip(): n for n, line in enumerate(open(__file__), 1) if "  # " in line}
report(answers=answers, lines=lines, refused=refused, waiting=waiting, hits=hits, told=told)
