"""Comprehensions and generator expressions: nested, with conditions, over several lines, in odd places."""

TOP = [n for n in range(3)]
TOP_SET = {n for n in TOP if n}
TOP_DICT = {n: str(n) for n in TOP}
TOP_LINES = [
    (
        n,
        m,
    )
    for n in TOP
    if n
    for m in TOP_SET
    if m
    if m > 1
]


class InClass:
    values = [1, 2]
    doubled = [value * 2 for value in values]
    nested = [[inner for inner in (value,)] for value in doubled]


def simple(values):
    a = [v for v in values]
    b = {v for v in values}
    c = {v: v for v in values}
    d = list(v for v in values)
    e = [v for v in values if v > 1]
    f = [v for v in () if v]
    return a, b, c, d, e, f


def over_lines(values):
    found = [
        value
        for value in values
    ]
    table = {
        key:
        value
        for key, value in enumerate(found)
        if value
        if key
    }
    numbers = {
        called(
            value
        )
        for value
        in values
    }
    total = sum(
        value
        for value in values
        if (
            value
            and value > 1
        )
    )
    return table, numbers, total


def called(value):
    return value


def nested(n):
    square = [[i * j for i in range(n)] for j in range(n)]
    flat = [cell for row in square for cell in row if cell]
    lines = [
        [
            i + j
            for i in range(n)
            if i != j
        ]
        for j in range(n)
        if j
    ]
    sets = {
        frozenset(
            x
            for x in row
        )
        for row in lines
    }
    return flat, sets


def conditional(values):
    a = [v if v else -1 for v in values]
    b = [
        "big"
        if v > 1
        else "small"
        for v in values
    ]
    c = [v for v in values if v and v > 1 or v == 0]
    d = [(w := v) for v in values if not v]
    return a, b, c, d


def with_lambdas(values):
    functions = [lambda: v for v in values]
    more = [
        lambda x,
        y=v: x + y
        for v in values
    ]
    return [f() for f in functions] + [f(1) for f in more]


def raising(values):
    try:
        return [1 / v for v in values]
    except ZeroDivisionError:
        pass
    try:
        return [
            1
            / v
            for v in values
        ]
    except ZeroDivisionError:
        return None


def expressions(values):
    generator = (v for v in values)
    first = next(generator)
    rest = list(generator)
    unfinished = (
        v
        for v in values
        if v
    )
    next(unfinished)
    del unfinished
    unused = (v for v in values)
    closed = (v for v in values)
    next(closed)
    closed.close()
    thrown = (v for v in values)
    next(thrown)
    try:
        thrown.throw(KeyError)
    except KeyError:
        pass
    return first, rest, unused, any(v > 1 for v in values), all(v for v in values), max(
        (v for v in values),
        default=0,
    )


def in_conditions(values):
    if [v for v in values if v]:
        values = [0]
    while [v for v in values]:
        values = values[1:]
    for v in [w + 1 for w in (1, 2)]:
        pass
    if not any(v for v in values): return v
    assert [v for v in (1,)]
    return [v
            for v in values][0] if [
        v for v in values
    ] else None


def closures(n):
    def inner():
        return [n + m for m in range(n)]
    return [inner() for _ in range(2)], [n for n in range(n)], [__name__ for _ in (1,)]


def unpacking(rows):
    return [
        first
        for first, *_ in rows
    ], {**{k: v for k, v in rows}}, [*(k for k, _ in rows), *[v for _, v in rows]]


def deep(n):
    return [[[[i + j + k + m for i in range(n)] for j in range(n)] for k in range(n)] for m in range(n)]


def one_line_function(values): return [v for v in values]


def main():
    simple([1, 2, 3])
    over_lines([0, 1, 2])
    nested(3)
    conditional([0, 1, 2])
    with_lambdas([1, 2])
    raising([1, 0])
    expressions([1, 2, 3])
    in_conditions([1, 0])
    closures(2)
    unpacking([(1, 2), (3, 4)])
    deep(2)
    one_line_function([1])
