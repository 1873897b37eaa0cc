"""Simple statements: assignments, assert, del, import, raise, strings; over several lines and several on one."""

import os.path as path, sys
from os import (
    getcwd,
    sep as separator,
)
from parts import *
from parts import constants, used as renamed


def assignments():
    a = b = c = 1
    a, b = b, a
    (a, b), [c, *d] = (1, 2), (3, 4, 5)
    [e, f] = 1, 2
    a += 1; b -= 1; c *= 2
    x: int = 1
    y: int
    table = {}
    table["a"], table["b"] = 1, 2
    table[
        "c"
    ] = (
        1
    )
    *g, h = [1, 2, 3]
    first = second = [
        1,
        2,
    ]
    a = (
        b
    )
    a = \
        b
    (a) = 1
    a |= b & c ^ 1 << 2 >> 1 // 1 % 5 ** 2
    a @= Matrix()
    return a, d, e, f, x, g, h, first, second


class Matrix:
    def __rmatmul__(self, other):
        return other


def displays():
    a = [
        1,
        call(2),
        *[
            3,
            4,
        ],
    ]
    b = {
        "a": 1,
        "b": call(2),
        **{
            "c": 3,
        },
        call("d"):
            call(4),
    }
    c = {
        1,
        call(2),
    }
    d = (
        1,
        call(
            2
        ),
        "three"
        "four"
        "five",
    )
    e = [
        # a comment
        1,

        2,
    ]
    f = [1,
         2]
    g = (1,
         call(2),
         3)[
        0
    ]
    h = [
    ]
    i = (
        1 +
        call(2)
        * call(3)
        - 4
    )
    return a, b, c, d, e, f, g, h, i


def call(value):
    return value


def strings(n):
    a = "one" \
        "two"
    b = """three
    four
    """
    c = f"{n} {call(n)!r:>{n}}"
    d = (
        f"{n}"
        f"{call(n)}"
        "plain"
    )
    e = f"""
    {n}
    {call(
        n
    )}
    """
    f = "%s %s" % (
        n,
        call(n),
    )
    g = "{} {}".format(
        n,
        call(n),
    )
    h = f"{n=}"
    """not a docstring"""
    f"{call(n)}"
    b"bytes"
    return a + b + c + d + e + f + g + h


def asserts(n):
    assert n
    assert n, "message"
    assert n == 1, (
        "long message %d"
        % n
    )
    assert (
        n
        and n == 1
    )
    try:
        assert n == 2, f"no {n}"
    except AssertionError:
        pass
    try:
        assert not n, call(
            "message"
        )
    except AssertionError:
        pass
    assert True
    try:
        assert False, "always"
    except AssertionError:
        return 1


def imports(n):
    import json
    import collections.abc as abc, string
    from os import path as here, \
        pathsep
    if n:
        import parts.rarely
    else:
        from parts import never
    from parts import (
        constants as renamed_constants,
        used,
    )
    try:
        from parts import does_not_exist
    except ImportError:
        does_not_exist = None
    import parts.deep.deeper
    return json, abc, string, here, pathsep, renamed_constants, used, does_not_exist, parts.deep.deeper.VALUE


def raises(n):
    try:
        if n == 0:
            raise ValueError
        if n == 1: raise ValueError("one")
        raise (
            KeyError
        )(
            "two"
        )
    except ValueError as error:
        return error
    except KeyError:
        return "key"


def expressions(n):
    n
    n + 1
    call(n)
    call(n), call(n)
    (
        call(n)
    )
    [
        call(n),
        call(n),
    ]
    call(n) if n else call(0)
    n and call(n)
    n or \
        call(n)
    not n
    call
    "text".join(
        []
    )
    lambda: n
    ()
    -n
    n < 1 < 2
    call(n)[
        0:1
    ] if isinstance(n, str) else None


def several(n): n += 1; n += 2; return n


def compound(n):
    if n: a = 1; b = 2
    else: a = 2; b = 1
    for i in range(2): a += i; b += i
    while n: n -= 1; a += 1
    try: a += 1; raise ValueError
    except ValueError: a += 2; b += 2
    finally: a += 3; b += 3
    with open("/dev/null") as file: a += 1; b += 1
    class Local: x = 1; y = 2
    def local(): a = 1; return a
    pass; pass
    return a, b, local(), Local


def blank_lines(n):

    n += 1


    # comment

    if n:

        # comment
        n += 1

        # comment

    else:

        # comment

        n -= 1
    # comment

    return n

    # end


def long_expression(n):
    return (
        call(n) + call(n) + call(n) +
        call(n) * (
            call(n) -
            call(n)
        ) +
        (
            call(n)
            if n
            else call(0)
        ) + [
            call(m)
            for m in range(n)
        ][
            0
        ] + (lambda x:
             x)(n)
    )


def subscripts(values):
    values[0]
    values[
        0
    ] = values[
        1
    ]
    values[0:2] = [
        1,
        2,
    ]
    values[0] += (
        1
    )
    del values[
        0
    ], values[0]
    return values


class Attributes:
    pass


def attributes():
    a = Attributes()
    a.b = Attributes()
    a.b.c = (
        1
    )
    a \
        .b \
        .c += 1
    del a.b.c
    return (
        a
        .b
    )


def pragma(n):
    if n:  # pragma: no cover
        return 1
    if n:  # pragma: no branch
        return 2
    for i in range(2):  # pragma: no branch
        if i:
            break
    try:
        return 3
    except ValueError:  # pragma: no cover
        return 4
    return 5  # pragma: no cover


def excluded():  # pragma: no cover
    return 1


@property
def excluded_too(self):  # pragma: no cover
    return 1


def main():
    assignments()
    displays()
    strings(1)
    asserts(1)
    imports(1)
    for n in range(3):
        raises(n)
    expressions(1)
    several(1)
    compound(1)
    blank_lines(1)
    long_expression(1)
    subscripts([1, 2, 3])
    attributes()
    pragma(0)
    excluded()
    renamed(), star_imported(), getcwd(), separator, path, sys, constants


if __name__ == "__main__":
    main()
    sys.exit(0)
