"""Lazy imports, unpacking in comprehensions."""

lazy import parts.late
lazy from parts.later import (
    value,
    never,
)

lazy import parts.unused_lazily


def use():
    return parts.late.function(1)


def use_name():
    return value


def unpacks(rows):
    flat = [*row for row in rows]
    unique = {*row for row in rows if row}
    table = {**row for row in [{1: 2}, {3: 4}]}
    lines = [
        *row
        for row in rows
        if row
    ]
    return flat, unique, table, lines, list(*row for row in rows)


def main():
    use()
    use_name()
    unpacks([[1], [], [2, 3]])
