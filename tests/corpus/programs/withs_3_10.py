"""with and its items in parentheses (3.9 by its parser, 3.10 by its grammar)."""

from contextlib import nullcontext, suppress


def parenthesised(n):
    with (
        nullcontext(1) as one,
        nullcontext(2) as two,
    ):
        n += one + two
    with (
        nullcontext(),
        suppress(ValueError),
    ):
        raise ValueError
    with (nullcontext(1) as one):
        pass
    with (nullcontext()):
        return n


def long(n):
    with (
        nullcontext(
            n
        ) as value,
        nullcontext(
            value
        )
    ):
        if n:
            return value
        n = 1
    return n


def main():
    parenthesised(0)
    long(0)
    long(1)
