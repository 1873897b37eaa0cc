"""Functions: arguments, defaults, decorators, closures, lambdas, recursion, annotations."""

import functools
from typing import Dict, List, Optional


def decorate(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def decorate_with(
    first,
    *,
    second=None,
):
    """A decorator with arguments."""
    def decorator(function):
        return function
    return decorator


@decorate
def once():
    return 1


@decorate
@decorate_with(
    1,
    second=2,
)
@functools.lru_cache(maxsize=None)
def thrice(
    n,
):
    return n


@decorate_with(lambda: 1)
@decorate_with([
    1,
    2,
])
def odd_decorator():
    return 1


def defaults(
    a,
    b=1,
    c=len("abc"),
    *args,
    d=[
        1,
        2,
    ],
    e=None,
    **kwargs,
):
    return a, b, c, args, d, e, kwargs


def positional(a, /, b, *, c):
    return a + b + c


def annotated(
    a: int,
    b: "str" = "x",
    *args: List[
        int
    ],
    c: Optional[Dict[str, int]] = None,
) -> List[
    int
]:
    x: int = 1
    y: str
    z: Dict[
        str,
        int,
    ] = {}
    holder.value: int = 2
    return [x]


class Holder:
    value: int = 1
    other: str


holder = Holder()


def docstring_only():
    """Nothing else."""


def comment_only():
    # nothing
    pass


def ellipsis_only(): ...


def constant_expressions():
    "a docstring"
    "not a docstring"
    1
    ...
    None
    return


def no_return(n):
    n + 1


def bare_return(n):
    if n:
        return
    n = 1
    return


def unreachable():
    return 1
    return 2


def unreachable_after_raise():
    raise ValueError
    return 1


def nested(n):
    def inner(m):
        nonlocal n
        n += m

        def innermost():
            return n + m

        return innermost

    def unused():
        return 1

    class Local:
        def method(self):
            return n

    return inner(1)() + Local().method()


COUNTER = 0


def uses_global():
    global COUNTER
    COUNTER += 1
    global \
        HOLDER
    HOLDER = 1


def deletes(values):
    a = b = 1
    del a
    del b, values[0]
    del (
        values[0],
        holder_like(values)[0],
    )
    return values


def holder_like(values):
    return values


def lambdas(n):
    add = lambda a, b=1: a + b
    pick = lambda x: (
        "even"
        if x % 2 == 0
        else "odd"
    )
    uncalled = lambda: 1
    immediate = (lambda: n)()
    chain = lambda a: lambda b: lambda c: a + b + c
    sorted([3, 1, 2], key=lambda x: -x)
    table = {
        "a": lambda: 1,
        "b": lambda: 2,
        "c": lambda x:
            x,
    }
    return add(n), pick(n), immediate, chain(1)(2)(3), table["a"](), table["c"](1), uncalled


def recursion(n):
    if n == 0:
        return 0
    return 1 + recursion(n - 1)


def mutual(n): return other(n - 1) if n else 0


def other(n):
    return mutual(
        n
    )


def star_calls(*args, **kwargs):
    if args:
        return defaults(
            *args,
            *[1, 2],
            **kwargs,
            **{
                "d": 3,
            },
        )
    return None


def calls_over_lines(n):
    result = positional(
        positional(
            n,
            1,
            c=2,
        ),
        b=call_one(
            n
        ),
        c=[
            call_one(i)
            for i in range(2)
        ][0],
    )
    text = (
        "abc"
        .upper()
        .lower(
        ).replace(
            "a",
            "b",
        )
    )
    return (
        result,
        text
    )


def call_one(n):
    return n


def failing_call(n):
    try:
        return positional(
            n,
            call_fails(),
            c=1,
        )
    except ValueError:
        return None


def call_fails():
    raise ValueError


def attributes():
    attributes.count = getattr(attributes, "count", 0) + 1
    return attributes.count


def partials():
    return functools.partial(
        positional,
        1,
        c=2,
    )(3), functools.reduce(lambda a, b: a + b, [1, 2, 3])


@functools.singledispatch
def dispatch(value):
    return "any"


@dispatch.register(int)
def _(value):
    return "int"


@dispatch.register(str)
def _(value):
    return "str"


def same_line(): a = 1; b = 2; return a + b


def condition_on_line(n): return 1 if n else 2


def backslashes(n):
    a = n + \
        1
    if a and \
            n:
        return a + \
            n
    assert n \
        == 0
    return a


def main():
    once()
    thrice(1)
    odd_decorator()
    defaults(1)
    positional(1, 2, c=3)
    annotated(1)
    docstring_only()
    comment_only()
    ellipsis_only()
    constant_expressions()
    no_return(1)
    bare_return(0)
    unreachable()
    try:
        unreachable_after_raise()
    except ValueError:
        pass
    nested(1)
    uses_global()
    deletes([1, 2, 3, 4])
    lambdas(1)
    recursion(10)
    mutual(4)
    star_calls(1, e=2)
    calls_over_lines(1)
    failing_call(1)
    attributes()
    partials()
    dispatch(1)
    dispatch([])
    same_line()
    condition_on_line(1)
    backslashes(0)
