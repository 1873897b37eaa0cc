"""Type parameters and type statements, which make functions of their own; f-strings as PEP 701 has them."""

import typing

type Simple = int
type Lazy = dict[str, NoSuchName]
type Generic[T] = list[T] | None
type Long[
    K,
    V: (
        int,
        str,
    ),
] = dict[
    K,
    V,
]


def first[T](values: list[T]) -> T:
    return values[0]


def bound[
    T: int,
    *Ts,
    **P,
](
    a: T,
    *args: *Ts,
) -> tuple[
    T,
    *Ts,
]:
    return (a, *args)


class Box[T]:
    """Generic by its parameter."""

    value: T

    def __init__(self, value: T) -> None:
        self.value = value

    def map[U](self, function: typing.Callable[[T], U]) -> "Box[U]":
        return Box(function(self.value))


class Derived[T: (int, str)](Box[T]):
    type Alias = T

    def method(self) -> T:
        type Local = list[T]
        return self.value


def decorate(thing):
    return thing


@decorate
class Decorated[
    T,
](
    Box[T],
):
    pass


@decorate
async def coroutine[T](x: T) -> T:
    return x


class WithOverride(Box):
    @typing.override
    def map(self, function):
        return function


def strings(n):
    a = f"{f"{n}"}"
    b = f"{
        n
        + call(
            n
        )
    } and {
        call(n)
    }"
    c = f"""{
        "\n".join(
            str(m)
            for m in range(n)
        )
    }"""
    return a + b + c


def call(n):
    return n


def main():
    first([1])
    bound(1, 2)
    Box(1).map(lambda n: n + 1)
    Derived(1).method()
    Simple.__value__, Generic.__value__
    try:
        Lazy.__value__
    except NameError:
        pass
    Long.__type_params__[1].__constraints__
    Derived.Alias.__value__
    coroutine(1).close()
    WithOverride(1).map(2)
    strings(2)
