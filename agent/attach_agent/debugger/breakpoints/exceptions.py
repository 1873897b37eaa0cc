"""Which exceptions stop a thread, and in which frame: where each is raised, and not where it passes by."""

from __future__ import annotations

from .lines import body_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

#: What ends a loop, a generator or a task and is no failure; it has to be named to stop.
_CONTROL_FLOW = ("StopIteration", "StopAsyncIteration", "GeneratorExit", "CancelledError", "GreenletExit")
#: What importlib raises for itself.
_IMPORTLIB = "<frozen importlib"

_OWN = __file__.rpartition("debugger/")[0]


def _raises(error: BaseException) -> None:
    raise error


#: The number of RAISE_VARARGS, which comes behind one that loads the argument.
_RAISE = _raises.__code__.co_code[body_of(_raises.__code__) + 2]

#: Exceptions of which we remember that they were told.
_REMEMBERED = 64


class Exceptions:
    """Calls `on_exception(frame, exception)` for those whose class, or a base of it, has one of `names`.

    A name is that of a class, with its module or without; "*" stands for all subclasses of Exception that are no means
    of control flow.
    """

    def __init__(self, on_exception: Callable[[FrameType, BaseException], object]) -> None:
        self._on_exception = on_exception
        self._names: tuple[str, ...] = ()
        #: class -> is it wanted
        self._classes: dict[type[BaseException], bool] = {}
        #: ids of those that were told last
        self._told: list[int] = []

    def add(self, name: str) -> None:
        self._names += (name or "*",)
        self._classes = {}

    def clear(self) -> None:
        self._names = ()
        self._classes = {}

    def raised(self, frame: FrameType, exception: BaseException, traceback: Any) -> None:
        """In the program's thread: an exception is raised in this frame, or comes through it."""
        classes = self._classes
        kind = type(exception)
        wanted = classes.get(kind)
        if wanted is None:
            wanted = classes[kind] = self._is_wanted(kind)
        if not wanted or is_hidden(frame):
            return
        below = traceback.tb_next if traceback is not None and traceback.tb_frame is frame else None
        passes = any(not is_hidden(entry.tb_frame) for entry in _entries(below))
        # unless this very line raises it once more, and nobody was told of it
        if passes and (id(exception) in self._told or not _raises_here(frame)):
            return
        self._told.append(id(exception))
        del self._told[:-_REMEMBERED]
        self._on_exception(frame, exception)

    def _is_wanted(self, kind: type[BaseException]) -> bool:
        bases = type.__dict__["__mro__"].__get__(kind)
        known: set[str] = set()
        for base in bases:
            name = type.__dict__["__qualname__"].__get__(base)
            module = type.__dict__["__module__"].__get__(base)
            known.update((name, name.rpartition(".")[2], "%s.%s" % (module, name)))
        if known.intersection(self._names):
            return True
        return "*" in self._names and Exception in bases and not known.intersection(_CONTROL_FLOW)


def is_hidden(frame: FrameType) -> bool:
    """Is it a frame that nobody debugs: ours, importlib's, or one that says so, as pytest has it?"""
    code = frame.f_code
    if code.co_filename.startswith((_OWN, _IMPORTLIB)):
        return True
    mark = "__tracebackhide__"
    if mark not in code.co_varnames and mark not in code.co_cellvars:
        return False
    value = frame.f_locals.get(mark, False)
    return value is True or (type(value) is int and value != 0)


def _entries(traceback: Any) -> Any:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _raises_here(frame: FrameType) -> bool:
    code = frame.f_code.co_code
    return 0 <= frame.f_lasti < len(code) and code[frame.f_lasti] == _RAISE
