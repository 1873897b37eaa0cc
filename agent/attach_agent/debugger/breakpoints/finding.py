"""Code that can still run: of functions, of frames on all stacks, of what is suspended, and what is nested in it."""

from __future__ import annotations

import gc
import sys

from ...errors import AgentError
from ...frames import suspended_kinds
from ...stacks import greenlets, heap_of, running_code
from .lines import lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType
    from typing import Any

_FUNCTION: Any = type(lambda: None)
_CODE = type((lambda: None).__code__)
_CLASS_DICT: Any = type.__dict__["__dict__"]
_MODULE_DICT: Any = vars(type(sys))["__dict__"]

#: Lines on each side that an error message shows.
NEAR = 2


def loaded_code(pause: Callable[[float], object]) -> dict[str, dict[int, CodeType]]:
    """All of it by ``co_filename`` and id, but for what is nested in it."""
    found: dict[str, dict[int, CodeType]] = {}

    def add(code: CodeType) -> None:
        found.setdefault(code.co_filename, {})[id(code)] = code

    for code, _ in running_code(greenlets(pause)):
        add(code)
    wanted = suspended_kinds()
    wanted[_FUNCTION] = "__"
    for item in heap_of(wanted, pause):
        add(getattr(item, wanted[type(item)] + ("code" if type(item) is not _FUNCTION else "code__")))
    if gc.get_freeze_count():  # what is hidden from the garbage collector, it does not list
        for function in _functions_of_modules():
            add(function.__code__)
    return found


def with_nested(codes: Iterable[CodeType]) -> dict[int, CodeType]:
    """These, and the functions, comprehensions and classes that they make, by id."""
    found: dict[int, CodeType] = {}
    waiting = list(codes)
    while waiting:
        code = waiting.pop()
        if id(code) not in found:
            found[id(code)] = code
            waiting += [item for item in code.co_consts if type(item) is _CODE]
    return found


def need_code(place: str, line: int, codes: Iterable[CodeType]) -> None:
    """AgentError ``no-code-at-line`` if none of `codes`, the code of a file, has this line."""
    names: dict[int, str] = {}
    for code in codes:
        for number in lines_of(code):
            names.setdefault(number, code.co_name)
    if line in names:
        return
    before = sorted(number for number in names if number < line)[-NEAR:]
    after = sorted(number for number in names if number > line)[:NEAR]
    near = ", ".join("%d (%s)" % (number, names[number]) for number in before + after)
    message = "no code that can still run is at %s:%d" % (place, line)
    raise AgentError("no-code-at-line", message + ("; the nearest lines that have some: %s" % near if near else ""))


def _functions_of_modules() -> Iterator[Any]:
    """The functions of all modules and of their classes."""
    seen: set[int] = set()
    waiting: list[Any] = [module for module in list(sys.modules.values()) if type(module) is type(sys)]
    while waiting:
        holder = waiting.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        for value in list(vars_of(holder).values()):
            function = getattr(value, "__func__", None) if type(value) in (staticmethod, classmethod) else value
            if type(function) is _FUNCTION:
                yield function
            elif type(value) is property:
                yield from (one for one in (value.fget, value.fset, value.fdel) if type(one) is _FUNCTION)
            elif isinstance(type(value), type) and issubclass(type(value), type):
                waiting.append(value)


def vars_of(holder: Any) -> dict[str, Any]:
    """The namespace of a module or a class, without running any of its code."""
    if issubclass(type(holder), type):
        return dict(_CLASS_DICT.__get__(holder))
    return dict(_MODULE_DICT.__get__(holder))
