"""KeyboardInterrupt in one thread, and in no other and at no other time: ``PyThreadState_SetAsyncExc``."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Interrupts:
    """Between `begin` and `end`, which the thread itself calls, `send` from another raises KeyboardInterrupt in it.

    The thread gets it when it runs Python code the next time; a call into C has to return first. `raised` is the class
    to raise instead, one derived from it, for who has to tell it from others.
    """

    def __init__(self, raised: type[KeyboardInterrupt] = KeyboardInterrupt) -> None:
        self._raised = raised
        self._own = 0
        self._thread = 0  # 0: not now
        self._sending = 0
        self._early = False
        self._set: Any = None

    def begin(self, thread: int) -> None:
        """`thread` is the ident that CPython knows this thread by. KeyboardInterrupt if one was sent before."""
        self._own = self._thread = thread
        if self._early:
            raise self._raised

    def send(self) -> str:
        """Returns why not, if that is impossible here. Called by one thread at a time."""
        self._early = True  # in this order: `begin` sees it, or we see that it has begun
        self._sending += 1
        try:
            # between this and the call the thread may come to its end, which waits for us
            if self._thread:
                try:
                    self._set = self._set or _set_async_exc()
                except Exception as error:  # no _ctypes, or an audit hook that forbids it
                    return "%s: %s" % (type(error).__name__, error)
                self._set(self._thread, id(self._raised))
                lower_flag()
            return ""
        finally:
            self._sending -= 1

    def end(self) -> None:
        """None comes after this. Itself it may be interrupted, and called again."""
        self._thread = 0
        while self._sending:
            pass
        if self._set is not None:
            self._set(self._own, 0)
            lower_flag()

    def finish(self) -> None:
        """`end`, however often that is interrupted."""
        while True:
            try:
                self.end()
                return
            except KeyboardInterrupt:
                pass


class _Nothing(BaseException):
    """Raised and caught by `lower_flag`."""


def lower_flag() -> None:
    """Take back that some thread has an exception to raise: in Python 3.11 that stops all threads that are traced.

    They wait, busy, for the thread that it is meant for, which may be in C code or have had its exception taken back
    (Python/ceval.c: DO_TRACING of a RESUME goes to handle_eval_breaker, and that comes back to it). The flag falls when
    any thread raises one, as this one does. A thread that has one pending raises the flag again when it takes the GIL.
    """
    if sys.version_info[:2] != (3, 11):
        return
    here = sys._getframe()
    (ident,) = [ident for ident, frame in sys._current_frames().items() if frame is here]
    try:
        _set_async_exc()(ident, id(_Nothing))
        while True:
            pass
    except _Nothing:
        pass


def _set_async_exc() -> Any:
    """The function of C (Python/pystate.c), with the address of an exception's class, or 0 to take one back."""
    import _ctypes

    class Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "L"

    class Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "i"

    flags = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
    body = {"_flags_": flags, "_restype_": Int, "_argtypes_": (Long, Long)}
    library = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]  # the whole program, RTLD_NOW
    address = _ctypes.dlsym(library, "PyThreadState_SetAsyncExc")
    return type("Function", (_ctypes.CFuncPtr,), body)(address)
