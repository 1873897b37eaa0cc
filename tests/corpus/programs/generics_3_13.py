"""Defaults of type parameters."""

import typing
import warnings


class Box[T = int, **P = [int]]:
    value: T


def many[*Ts = *tuple[
    int,
    str,
]](*values: *Ts) -> None:
    return None


type Alias[
    T = dict[
        str,
        int,
    ],
] = list[T]


@warnings.deprecated("told to")
def old():
    return locals()


class Row(typing.TypedDict):
    a: typing.ReadOnly[int]


def main():
    Box()
    many()
    many.__type_params__[0].__default__
    Alias.__type_params__[0].__default__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old()
