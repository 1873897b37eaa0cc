"""MOD:QUALNAME: the code of a function, however it is wrapped."""

from __future__ import annotations

import sys
from _operator import is_
from itertools import repeat

from ...errors import AgentError
from ...stacks import heap
from .finding import vars_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

_FUNCTION: Any = type(lambda: None)
_CODE = type((lambda: None).__code__)
_MRO: Any = type.__dict__["__mro__"]

#: CO_OPTIMIZED (Include/cpython/code.h): the code of a function.
_OPTIMIZED = 1

#: Steps from a wrapper to what it wraps.
_DEEPEST = 50


def find(module: str, qualname: str, pause: Callable[[float], object]) -> CodeType | None:
    """The code of the function, of the method, or of the class's ``__init__``; None if the module is not there yet.

    Raises AgentError ``unknown-function``.
    """
    found = sys.modules.get(module)
    if found is None or is_importing(found):
        return None
    outer, _, inner = qualname.partition(".<locals>.")
    code = _of_holders(found, module, outer) or _of_heap(module, outer, pause) or _of_holders(found, "", outer)
    while code is not None and inner:
        outer, _, inner = inner.partition(".<locals>.")
        code = _nested(code, outer)
    if code is None:
        near = sorted(name for name in vars_of(found) if name[:1] == qualname[:1]) if type(found) is type(sys) else []
        message = "there is no function %s in module %s" % (qualname, module)
        raise AgentError("unknown-function", message + ("; there are: %s" % ", ".join(near[:5]) if near else ""))
    return code


class Awaited:
    """Functions of modules that are not there yet: each is armed when it is called the first time."""

    def __init__(self, arm: Callable[[CodeType], object]) -> None:
        """`arm` gets the code, in the program's thread."""
        self._arm = arm
        self._wanted: list[tuple[str, str]] = []
        #: ``co_name`` of their code
        self.names: frozenset[str] = frozenset()

    def add(self, module: str, qualname: str) -> None:
        self._wanted.append((module, qualname))
        self._changed()

    def clear(self) -> None:
        self._wanted = []
        self._changed()

    def _changed(self) -> None:
        # that of a class is called __init__
        last = {name.rpartition(".")[2] for _, name in self._wanted}
        self.names = frozenset(last | {"__init__"}) if last else frozenset()

    def started(self, code: CodeType, frame: FrameType) -> None:
        """In the program's thread, when code begins that has one of `names`."""
        module = dict.get(frame.f_globals, "__name__")
        for item in list(self._wanted):
            if item[0] == module and _is_called(code, frame, item[1]) and item in self._wanted:
                self._wanted.remove(item)
                self._changed()
                self._arm(code)


def _is_called(code: CodeType, frame: FrameType, qualname: str) -> bool:
    """Is it the code of this function, or of the ``__init__`` of this class?"""
    if not code.co_flags & _OPTIMIZED:  # the body of a class, which has its name too
        return False
    if sys.version_info >= (3, 11) and code.co_qualname in (qualname, qualname + ".__init__"):
        return True
    found = sys.modules.get(dict.get(frame.f_globals, "__name__", ""))
    known = None if found is None else _of_holders(found, "", qualname.partition(".<locals>.")[0])
    if "<locals>" not in qualname and known is not None:
        return known is code
    return sys.version_info < (3, 11) and code.co_name == qualname.rpartition(".")[2]


def is_importing(module: Any) -> bool:
    """Is it just being executed for the first time?"""
    spec = getattr(module, "__dict__", {}).get("__spec__")
    return bool(getattr(spec, "_initializing", False))


def _of_holders(module: Any, own: str, qualname: str) -> CodeType | None:
    """What stands under this name in the module and its classes, seen through decorators that tell what they wrap.

    With the name of its `own` module only what says itself that this is its name.
    """
    holder = module
    *outer, last = qualname.split(".")
    for name in outer:
        holder = _attribute(holder, name)
        if not _is_class(holder):
            return None
    found = _attribute(holder, last)
    if _is_class(found):
        found = _attribute(found, "__init__")
    function = _unwrapped(found)
    if type(function) is not _FUNCTION:
        return None
    if own and (function.__module__, function.__qualname__) not in ((own, qualname), (own, qualname + ".__init__")):
        return None
    code: CodeType = function.__code__
    return code


def _attribute(holder: Any, name: str) -> Any:
    if type(holder) is type(sys):
        return vars_of(holder).get(name)
    for kind in _MRO.__get__(holder):
        if name in vars_of(kind):
            return vars_of(kind)[name]
    return None


def _is_class(item: Any) -> bool:
    return issubclass(type(item), type)


def _unwrapped(item: Any) -> Any:
    """The function in static and class methods, properties, partials, cached functions and ``functools.wraps``."""
    for _ in range(_DEEPEST):
        kind = type(item)
        if kind is _FUNCTION:
            wrapped = item.__dict__.get("__wrapped__")
            if wrapped is None:
                return item
            item = wrapped
        elif kind in (staticmethod, classmethod) or kind.__name__ == "method":
            item = item.__func__
        elif kind is property:
            item = item.fget or item.fset or item.fdel
        else:
            # of functools: partial, partialmethod, cached_property, lru_cache; others name it alike
            inner = [getattr(item, name, None) for name in ("__wrapped__", "func", "fget")]
            item = next((one for one in inner if one is not None), None)
            if item is None:
                return None
    return None


def _of_heap(module: str, qualname: str, pause: Callable[[float], object]) -> CodeType | None:
    """A function that says that this is its name: one under a decorator that does not tell what it wraps."""
    for function in heap(lambda types: map(is_, types, repeat(_FUNCTION)), pause):
        if function.__qualname__ == qualname and function.__module__ == module:
            code: CodeType = function.__code__
            return code
    return None


def _nested(code: CodeType, name: str) -> CodeType | None:
    """What the function makes under this name, perhaps within a class."""
    for part in name.split("."):
        inner = [item for item in code.co_consts if type(item) is _CODE and item.co_name == part]
        if not inner:
            return None
        code = inner[0]
    return code
