"""Template strings, except without parentheses, annotations that are evaluated late."""

import annotationlib
import contextlib
import string.templatelib


def templates(n):
    a = t"{n} {call(n)!r:>{n}}"
    b = t"plain" t"{n}"
    c = t"""{
        call(
            n
        )
    }"""
    return [
        part.value if isinstance(part, string.templatelib.Interpolation) else part
        for template in (a, b, c)
        for part in template
    ]


def call(n):
    return n


def handles(kind):
    try:
        if kind:
            raise kind
    except ValueError, KeyError:
        return 1
    except TypeError, OSError:
        return 2
    return 0


def handles_groups(*errors):
    try:
        raise ExceptionGroup("x", list(errors))
    except* ValueError, KeyError:
        return_value = 1
    except* OSError: return_value = 2
    return return_value


def annotated(
    a: int,
    b: list[
        NoSuchName
    ] = None,
) -> Undefined:
    x: Undefined = 1
    return x


class Annotated:
    a: int
    b: Undefined = 1
    if call(1):
        c: int
    else:
        d: int

    def method(self, a: Annotated) -> Annotated:
        return a


value: Undefined = 1
other: int


def main():
    templates(1)
    handles(None)
    handles(KeyError)
    handles_groups(ValueError())
    annotated(1)
    with contextlib.suppress(NameError):
        annotated.__annotations__
    annotationlib.get_annotations(annotated, format=annotationlib.Format.FORWARDREF)
    annotationlib.get_annotations(Annotated, format=annotationlib.Format.STRING)
    Annotated.method.__annotations__
