"""The local variables of a frame, to be read and written at a prompt."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


_FRAME = type(sys._getframe())


class Variables:
    """Before Python 3.13 ``f_locals`` is a copy, which CPython writes back after a trace function, for the frame that
    is traced (Python/sysmodule.c, call_trampoline), but neither after a callback of ``sys.monitoring`` nor for a
    caller. `write` does, for any frame of a thread that stands still.
    """

    def __init__(self) -> None:
        self._to_fast: Any = None if sys.version_info >= (3, 13) else _locals_to_fast()

    def read(self, frame: FrameType) -> dict[str, Any]:
        """As they are now. It is the same dictionary each time, until 3.12."""
        return frame.f_locals

    def write(self, frame: FrameType) -> None:
        """Change the variables to what the dictionary of `read` holds by now."""
        if type(frame) is not _FRAME:  # the copy of one, see `inspection`
            return
        if self._to_fast is not None and frame.f_code.co_flags & 0x01:  # CO_OPTIMIZED: a function, not a module
            self._to_fast(frame, 0)


def _locals_to_fast() -> Any:
    """PyFrame_LocalsToFast (Objects/frameobject.c), or None if C cannot be called here."""
    try:
        import _ctypes

        class Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "i"

        class Object(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "O"

        flags = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        body = {"_flags_": flags, "_restype_": None, "_argtypes_": (Object, Int)}
        library = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]  # the whole program, RTLD_NOW
        return type("Function", (_ctypes.CFuncPtr,), body)(_ctypes.dlsym(library, "PyFrame_LocalsToFast"))
    except Exception:  # no _ctypes, or an audit hook that forbids it
        return None
