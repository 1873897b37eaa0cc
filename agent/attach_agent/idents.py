"""Which thread is this? By the number that CPython knows it by, also where gevent has replaced ``get_ident``."""

from __future__ import annotations

import _thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def own_ident(importer: Any) -> Callable[[], int]:
    """C's own ``_thread.get_ident``; without it and without _ctypes a number that only tells threads apart."""
    function: Callable[[], int]
    try:
        function = importer.native(_thread, "get_ident")
    except ImportError:
        try:
            function = _from_library()
        except Exception:  # no _ctypes, or an audit hook that forbids it
            function = importer.native(_thread, "get_native_id")
    return function


def _from_library() -> Any:
    """What ``_thread.get_ident`` calls (Python/thread.c)."""
    import _ctypes

    class Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "L"

    flags = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
    body = {"_flags_": flags, "_restype_": Long, "_argtypes_": ()}
    library = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]  # the whole program, RTLD_NOW
    address = _ctypes.dlsym(library, "PyThread_get_thread_ident")
    return type("Function", (_ctypes.CFuncPtr,), body)(address)
