"""match: all patterns and guards."""

import dataclasses
import enum


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Custom:
    __match_args__ = ("a",)

    def __init__(self, a):
        self.a = a
        self.b = 1

    @property
    def computed(self):
        return self.a


def literals(value):
    match value:
        case 0:
            return "zero"
        case -1 | 1:
            return "one"
        case 1.5 | 2 + 3j:
            return "number"
        case "text" | b"bytes":
            return "text"
        case None:
            return "none"
        case True | False:
            return "truth"
        case Colour.RED:
            return "red"
        case _:
            return "other"


def sequences(value):
    match value:
        case []:
            result = "empty"
        case [1]:
            result = "one"
        case [1, 2] | [3, 4]:
            result = "pair"
        case [first, *rest] if len(rest) > 2:
            result = first, rest
        case (1, (2, inner)):
            result = inner
        case [_, *_, "end"]:
            result = "end"
        case [*all]:
            result = all
        case _:
            result = "no sequence"
    return result


def mappings(value):
    match value:
        case {"kind": "a", "value": v}:
            return v
        case {"kind": "b" | "c" as kind, **rest} if rest:
            return kind, rest
        case {"list": [_, {"deep": x}]}:
            return x
        case {Colour.RED.value: _}:
            return "red"
        case {}:
            return "any mapping"
    return "none"


def classes(value):
    match value:
        case Point(x=0, y=0):
            return "origin"
        case Point(0, y) | Point(y, 0):
            return y
        case Point(x, y) if x == y:
            return "diagonal"
        case Point():
            return "point"
        case Custom(1, b=1):
            return "custom"
        case Custom(a, computed=c):
            return a, c
        case int(n) | float(n):
            return n
        case str() as s:
            return s
        case dict() | list():
            return "container"


def guards(value, flag):
    match value:
        case x if flag and x > 1:
            return 1
        case x if (
            not flag
            or x
        ):
            return 2
        case x if x:
            return 3


def without_default(n):
    match n:
        case 1:
            n = 2
        case 2:
            n = 3
    return n


def last(n):
    match n:
        case 1:
            call(n)
        case 2 if n:
            call(n)


def only_wildcard(n):
    match n:
        case _:
            return n


def only_capture(n):
    match n:
        case 0: pass
        case captured: return captured


def with_return_after(n):
    match n:
        case 1:
            pass
        case _:
            n = 0
    return n


def nested(n, m):
    match n:
        case 1:
            match m:
                case 1:
                    return 1
                case 2:
                    pass
        case 2:
            for i in range(m):
                match i:
                    case 0:
                        continue
                    case 1:
                        break
                    case _:
                        return "never"
            else:
                return "else"
        case _:
            try:
                match m:
                    case 0:
                        raise ValueError
            except ValueError:
                return "raised"
            finally:
                call(n)
    return None


def over_lines(value):
    match (
        value,
        call(value),
    ):
        case (
            1,
            1,
        ):
            return 1
        case (
            2
            | 3,
            other
        ) if (
            other
        ):
            return other
        case {
            "a": 1,
        }:
            return 2
        case (
            Point(
                x=1,
                y=2,
            )
            | Custom(
                1
            )
        ), _:
            return 3


def call(n):
    return n


def soft_keywords():
    match = {"case": 1}
    case = match["case"]
    match = [
        case
    ]
    return match[0], case


class InClass:
    match 1:
        case 1:
            value = 1
        case _:
            value = 2


match Colour.GREEN:
    case Colour.RED:
        TOP = 1
    case Colour.GREEN:
        TOP = 2


def main():
    for value in (0, 1, "text", None, Colour.RED, object()):
        literals(value)
    for value in ([], [1, 2], [1, 2, 3, 4], (1, (2, 3)), [0, "end"], 5):
        sequences(value)
    for value in ({"kind": "a", "value": 1}, {"kind": "c", "x": 1}, {"kind": "b"}, 5):
        mappings(value)
    for value in (Point(0, 0), Point(0, 1), Point(1, 1), Point(1, 2), Custom(1), Custom(2), 1.5, "s", {}, object()):
        classes(value)
    guards(2, True)
    guards(2, False)
    guards(0, True)
    without_default(1)
    without_default(3)
    last(1)
    last(3)
    only_wildcard(1)
    only_capture(1)
    with_return_after(1)
    nested(1, 2)
    nested(2, 2)
    nested(2, 0)
    nested(3, 0)
    over_lines(1)
    over_lines(2)
    over_lines(Point(1, 2))
    soft_keywords()
