"""A short text for any object, made without a line of the program's code.

Plain values and collections are shown by the functions of their C types, whatever a subclass overrides. Of other
objects the type is shown and the attributes in their dictionary. No ``__repr__``, property or ``__getattr__`` of the
program is called: it could wait for a lock that a thread holds, talk to a database, or raise.
"""

from __future__ import annotations

import sys
from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Characters of one string or of the whole, items of one collection, attributes of one object, levels.
_LONGEST, _WHOLE, _ITEMS, _ATTRIBUTES, _DEEPEST = 80, 200, 6, 4, 2
_LARGEST_BITS = 256

_mro: Any = type.__dict__["__mro__"].__get__
_namespace: Any = type.__dict__["__dict__"].__get__
_qualname: Any = type.__dict__["__qualname__"].__get__
_GETSET = type(type.__dict__["__mro__"]), type(type.__dict__["__dict__"])
_MODULE = type(sys)


def shown(value: Any) -> str:
    """What `value` is, in at most 200 characters."""
    try:
        text = _shown(value, _DEEPEST)
    except Exception as error:  # an object that lies about itself, or that another thread is just changing
        text = "<%s, not shown: %s>" % (type_name(type(value)), type(error).__name__)
    return text if len(text) <= _WHOLE else text[: _WHOLE - 3] + "..."


def type_name(kind: type) -> str:
    """The name of a class, with its module but for builtins."""
    module = _namespace(kind).get("__module__")
    name: str = _qualname(kind)
    return name if type(module) is not str or module == "builtins" else "%s.%s" % (module, name)


def attributes(value: Any) -> dict[str, Any]:
    """The dictionary of an object, if it has one of its own."""
    for base in _mro(type(value)):
        descriptor = _namespace(base).get("__dict__")
        if descriptor is not None:
            found = descriptor.__get__(value, base) if type(descriptor) in _GETSET else None
            return found if type(found) is dict else {}
    return {}


def _shown(value: Any, depth: int) -> str:
    kind = type(value)
    for base in _mro(kind):
        show = _BY_TYPE.get(id(base))  # by id: a metaclass may have a __hash__ of its own
        if show is not None:
            text = show(value, depth)
            plain = base is kind or base is BaseException or base is type
            return text if plain else "%s(%s)" % (type_name(kind), text)
    return _object(value, depth)


def _object(value: Any, depth: int) -> str:
    found = attributes(value) if depth else {}
    parts = ["%s=%s" % (name, _shown(item, depth - 1)) for name, item in _some(found, _ATTRIBUTES) if type(name) is str]
    if len(found) > _ATTRIBUTES:
        parts.append("...")
    return "<%s>" % " ".join([type_name(type(value))] + parts)


def _some(mapping: dict[Any, Any], count: int) -> list[tuple[Any, Any]]:
    return list(islice(dict.items(mapping), count))


def _integer(value: Any, _: int) -> str:
    bits = int.bit_length(value)
    return int.__repr__(value) if bits <= _LARGEST_BITS else "<int of %d bits>" % bits


def _text(kind: Any) -> Callable[[Any, int], str]:
    def show(value: Any, _: int) -> str:
        size = kind.__len__(value)
        text: str = kind.__repr__(kind.__getitem__(value, slice(0, _LONGEST)))
        return text if size <= _LONGEST else "%s...(%d)" % (text, size)

    return show


def _sequence(kind: Any, begin: str, end: str) -> Callable[[Any, int], str]:
    def show(value: Any, depth: int) -> str:
        size = kind.__len__(value)
        if not depth and size:
            return "%s...%s" % (begin, end)
        parts = [_shown(item, depth - 1) for item in list(islice(kind.__iter__(value), _ITEMS))]
        if size > _ITEMS:
            parts.append("...%d more" % (size - _ITEMS))
        comma = "," if kind is tuple and size == 1 else ""
        return begin + ", ".join(parts) + comma + end

    return show


def _mapping(value: Any, depth: int) -> str:
    size = dict.__len__(value)
    if not depth and size:
        return "{...}"
    parts = ["%s: %s" % (_shown(key, 0), _shown(item, depth - 1)) for key, item in _some(value, _ITEMS)]
    if size > _ITEMS:
        parts.append("...%d more" % (size - _ITEMS))
    return "{%s}" % ", ".join(parts)


def _exception(value: Any, depth: int) -> str:
    arguments: Any = BaseException.__dict__["args"].__get__(value)
    parts = [_shown(item, depth - 1) for item in arguments[:_ITEMS]] if depth else ["..."] * bool(arguments)
    return "%s(%s)" % (type_name(type(value)), ", ".join(parts))


def _class(value: Any, _: int) -> str:
    return "<class %s>" % type_name(value)


def _called(what: str) -> Callable[[Any, int], str]:
    """For types of C that nobody can derive from, and that have a name."""
    return lambda value, _: "<%s %s>" % (what, value.__qualname__)


def _method(value: Any, depth: int) -> str:
    function = value.__func__
    return "<method of %s, %s>" % (type_name(type(value.__self__)), _shown(function, 0))


def _module(value: Any, _: int) -> str:
    name = attributes(value).get("__name__")
    return "<module %s>" % (name if type(name) is str else "?")


def _range(value: Any, _: int) -> str:
    return "range(%s, %s, %s)" % tuple([_shown(part, 0) for part in (value.start, value.stop, value.step)])


async def _coroutine() -> None:
    pass


def _generator() -> Any:
    yield


def _types() -> dict[int, Callable[[Any, int], str]]:
    found: list[tuple[Any, Callable[[Any, int], str]]] = [
        (type(None), lambda value, _: "None"),
        (type(...), lambda value, _: "..."),
        (bool, lambda value, _: "True" if value is True else "False"),
        (int, _integer),
        (float, lambda value, _: float.__repr__(value)),
        (complex, lambda value, _: complex.__repr__(value)),
        *[(kind, _text(kind)) for kind in (str, bytes, bytearray)],
        (list, _sequence(list, "[", "]")),
        (tuple, _sequence(tuple, "(", ")")),
        (set, _sequence(set, "{", "}")),
        (frozenset, _sequence(frozenset, "frozenset({", "})")),
        (dict, _mapping),
        (BaseException, _exception),
        (type, _class),
        (type(_types), _called("function")),
        (type(len), _called("built-in function")),
        (type(_made_method.show), _method),
        (type(_generator()), _called("generator")),
        (range, _range),
        (_MODULE, _module),
    ]
    coroutine = _coroutine()
    found.append((type(coroutine), _called("coroutine")))
    coroutine.close()
    return {id(kind): show for kind, show in found}


class _Method:
    def show(self) -> None:
        pass


_made_method = _Method()
_BY_TYPE = _types()
