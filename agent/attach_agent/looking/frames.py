"""The local variables of a frame that may be running in another thread, without a trace on the frame.

Before 3.13 ``frame.f_locals`` writes: it fills a dictionary that stays on the frame (Objects/frameobject.c,
``PyFrame_FastToLocalsWithError``). That dictionary keeps alive what the function has dropped, is what the program's
own ``locals()`` gave it, and is where a debugger at its prompt keeps what was assigned there. So it is not asked for,
but the variables are read where the interpreter keeps them: by ``PyFrame_GetVar`` (3.12), before that in memory, each
time in one call into C, during which no other thread runs.
"""

from __future__ import annotations

import sys
from _operator import add, itemgetter
from itertools import compress, repeat, tee

from ..errors import AgentError
from ..stacks import paused_collection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

_WORD = 8
_OPTIMIZED = 1  # CO_OPTIMIZED (Include/code.h): variables are in slots of the frame, else in a dictionary
#: 3.11: PyFrameObject.f_frame, and _PyInterpreterFrame.localsplus (Include/internal/pycore_frame.h)
_INNER_FRAME, _INNER_SLOTS = 24, 72


def locals_of(frame: FrameType) -> dict[str, Any]:
    """A copy of the frame's variables by name, those that have a value now.

    Raises AgentError ``unsupported-build`` where they cannot be read safely: before 3.13 without ``_ctypes``.
    """
    code = frame.f_code
    if not code.co_flags & _OPTIMIZED:  # a module or class: its namespace, which is the frame's own
        names = frame.f_locals
        return dict(names) if type(names) is dict else {}
    if sys.version_info >= (3, 13):
        return dict(frame.f_locals)  # a proxy: nothing is written to the frame
    found: dict[str, Any] = _reader().read(frame)
    for name in code.co_cellvars + code.co_freevars:
        if type(found.get(name)) is _CELL:
            try:
                found[name] = found[name].cell_contents
            except ValueError:  # it has none yet
                del found[name]
    return found


def _cell() -> Any:
    variable = None
    return (lambda: variable).__closure__[0]  # type: ignore[index]


_CELL = type(_cell())


def names_of(code: CodeType) -> tuple[str, ...]:
    """The variables of a function, in the order of its frame's slots."""
    cells = code.co_cellvars
    if sys.version_info >= (3, 11):  # an argument that is a cell is in one slot
        cells = tuple([name for name in cells if name not in code.co_varnames])
    return code.co_varnames + cells + code.co_freevars


class _Asking:
    """Python 3.12: the function that tells one variable of a frame."""

    def __init__(self) -> None:
        import _ctypes

        class Object(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "O"

        self._get = _function(_ctypes, "PyFrame_GetVar", Object, Object, Object)

    def read(self, frame: FrameType) -> dict[str, Any]:
        found = {}
        for name in names_of(frame.f_code):
            try:
                found[name] = self._get(frame, name)
            except NameError:  # it has no value now
                pass
        return found


class _Reading:
    """Python 3.8 - 3.11: the slots of a frame in memory."""

    def __init__(self) -> None:
        import _ctypes

        class Pointer(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "P"

        class Size(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "L"

        class Object(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "O"

        self._bytes_at = _function(_ctypes, "PyBytes_FromStringAndSize", Object, Pointer, Size)
        self._incref = _function(_ctypes, "Py_IncRef", None, Pointer)
        # memmove of nothing returns its first argument: the object at an address, with the reference we hold
        self._owned = _function(_ctypes, None, Object, Pointer, Pointer, Size)
        self._check()

    def read(self, frame: FrameType) -> dict[str, Any]:
        names = names_of(frame.f_code)
        if sys.version_info >= (3, 11):
            bases = self._words(repeat(id(frame) + _INNER_FRAME, len(names)))
            first = _INNER_SLOTS
        else:
            bases = repeat(id(frame), len(names))
            first = type(frame).__basicsize__ - _WORD  # f_localsplus[1] is the last field
        places = map(add, bases, range(first, first + _WORD * len(names), _WORD))
        filled, slots = tee(self._words(places))
        one, two, three = tee(filter(None, slots), 3)
        values = map(itemgetter(1), zip(map(self._incref, one), map(self._owned, two, three, repeat(0))))
        with paused_collection():
            found: dict[str, Any] = dict(zip(compress(names, filled), values))
        return found

    def _words(self, addresses: Any) -> Any:
        content = map(self._bytes_at, addresses, repeat(_WORD))
        return map(int.from_bytes, content, repeat(sys.byteorder))

    def _check(self) -> None:
        """On a frame of our own, whose variables we know."""
        one, two = object(), [object()]

        def inner(argument: object, unset: object = None) -> dict[str, Any]:
            del unset
            again = two
            return self.read(sys._getframe()) if again else {}

        found = inner(one)
        cell = found.pop("two", None)
        if type(cell) is not _CELL or cell.cell_contents is not two:
            raise AgentError("unsupported-build", "the variables of a frame are not where CPython keeps them")
        if found.get("argument") is not one or found.get("again") is not two or "unset" in found:
            raise AgentError("unsupported-build", "the variables of a frame are not where CPython keeps them")


_made: list[Any] = []


def prepare() -> None:
    """Load what `locals_of` needs, for a thread that must not import anything."""
    if sys.version_info < (3, 13):
        try:
            _reader()
        except AgentError:  # told when it is needed
            pass


def _reader() -> Any:
    if not _made:
        try:
            _made.append(_Asking() if sys.version_info >= (3, 12) else _Reading())
        except (ImportError, OSError, AttributeError) as error:
            raise AgentError(
                "unsupported-build", "this Python lacks what reading variables needs: %s" % error
            ) from None
    return _made[0]


def _function(ctypes: Any, name: str | None, result: Any, *arguments: Any) -> Any:
    """A function of C that is called with the GIL held; without a name memmove."""
    library = ctypes.dlopen(None, 2)  # the whole program, RTLD_NOW
    address = ctypes.dlsym(library, name) if name else ctypes._memmove_addr
    flags = ctypes.FUNCFLAG_CDECL | ctypes.FUNCFLAG_PYTHONAPI
    body = {"_flags_": flags, "_restype_": result, "_argtypes_": arguments}
    return type("Function", (ctypes.CFuncPtr,), body)(address)
