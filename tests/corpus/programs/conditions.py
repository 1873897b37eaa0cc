"""if, elif, else, conditional expressions, boolean operators and constants as conditions."""

import sys

DEBUG = False
NOTHING = None

if sys.version_info >= (3, 0):
    WHICH = "new"
else:
    WHICH = "old"

if sys.maxsize < 0:
    NEVER = 1
elif WHICH == "old":
    NEVER = 2

try:
    import no_such_module_anywhere as absent
except ImportError:
    absent = None

if 0:
    CONSTANT = "zero"

if 1:
    CONSTANT = "one"

if not __debug__:
    CONSTANT = "optimised"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def chain(n):
    if n == 0:
        result = "zero"
    elif n == 1:
        result = "one"
    elif n == 2:
        pass
    else:
        result = "many"
    if n == 2: result = "two"
    if n == 3: return "three"
    return result


def without_else(n):
    if n:
        n += 1
    if not n:
        n -= 1
    return n


def only_true():
    if True:
        value = 1
    else:
        value = 2
    if False:
        value = 3
    elif True:
        value += 4
    else:
        value = 5
    if None:
        value = 6
    if not False:
        value += 7
    if "text":
        value += 8
    if ():
        value = 9
    if __debug__:
        value += 10
    else:
        value = 11
    if 1 and value:
        value += 1
    if 0 or value:
        value += 1
    if DEBUG:
        value = 12
    return value


def only_false():
    if 0:
        return 1
    if DEBUG and NOTHING:
        return 2
    if not (DEBUG or NOTHING or True):
        return 3
    return 4


def operators(a, b, c):
    if a and b or c:
        x = 1
    else:
        x = 2
    if (
        a
        and b
        and not c
    ):
        x += 10
    if (a
            or b
            or c):
        x += 100
    if not (
        a or
        b
    ):
        x += 1000
    y = a and b or c
    z = (
        a
        or b
        or "neither"
    )
    if 0 < len(z if isinstance(z, str) else "x") < 3 <= 10:
        x += 1
    if (
        0
        < x
        < 1000
    ):
        x += 1
    return x, y, z


def ternaries(n):
    a = 1 if n else 2
    b = (
        "yes"
        if n > 1
        else "no"
    )
    c = "a" if n == 0 else "b" if n == 1 else "c"
    d = (
        first(n)
        if n
        else second(n) if n == 0
        else None
    )
    return [a, b, c, d] if n else (a, b, c, d)


def first(n): return n


def second(n):
    return -n


def deep(a, b, c):
    if a:
        if b:
            if c:
                return 1
            else:
                return 2
        elif c:
            return 3
    else:
        if not b:
            return 4
        if c:
            return 5
    return 6


def last_in_branch(n):
    if n:
        if n > 1:
            return_value(n)
        else:
            return_value(0)


def falls_through(n):
    if n:
        return_value(1)


def return_value(n):
    return n


def walrus(values):
    if (n := len(values)) > 2:
        return n
    while (n := n + 1) < 5:
        pass
    if any((found := v) > 1 for v in values):
        return found
    return [y for v in values if (y := v + 1)] if (m := n) else m


def comparisons(a):
    if a is None or a is not None and a != 3:
        a = 3
    if a in (1, 2, 3) and a not in [4]:
        return True
    return False


def empty_branches(n):
    if n == 1:
        pass
    elif n == 2:
        ...
    else:
        pass
    if n:
        pass
    else:
        pass
    if n: pass
    if n == 1: pass
    else: n = 3
    return n


def main():
    for n in range(3):
        chain(n)
    chain(3)
    without_else(1)
    only_true()
    only_false()
    operators(1, 1, 0)
    operators(0, 0, 1)
    operators(0, 0, 0)
    for n in range(3):
        ternaries(n)
    deep(1, 0, 1)
    deep(1, 1, 0)
    deep(0, 1, 0)
    last_in_branch(0)
    last_in_branch(2)
    falls_through(0)
    walrus([1, 2, 3])
    walrus([1])
    walrus([])
    comparisons(None)
    empty_branches(1)
    empty_branches(2)
