"""Stopping one thread that already runs, at the next line that it runs, and no other."""

from __future__ import annotations

import _thread
import sys
import time

from ...errors import AgentError
from .looking import Sight, native_id, refusal
from .request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from .monitored import Monitored
    from .onethread import OneThread
    from .traced import Traced
    from .waking import Waking

#: For so long `Stopping.request` looks whether the thread stops or is blocked, in seconds.
PATIENCE = 0.1
#: After this time loops within one line are watched as well, and, until `PATIENCE` is over, code that C code calls.
_WIDEN_AFTER = 0.03
#: How long a thread that has come first may take for what is a few lines, in seconds, if it has to wait for the GIL.
_SETTLING = 2.0
_ATTEMPTS = 5


class Stopping:
    """One request at a time. `request` and `close` are called by threads of the agent, `revoke` by any."""

    def __init__(self, importer: Any, pause: Callable[[float], object]) -> None:
        self._importer = importer
        self._pause = pause
        self._lock = importer.native(_thread, "allocate_lock", "allocate")()
        self._current: tuple[Request, Monitored | Traced] | None = None
        self._states: OneThread | None = None
        self._waking: Waking | None = None
        self._closed = False

    def request(self, ident: int, on_stop: Callable[[FrameType, str, Any], Any]) -> str:
        """Have the thread `ident` (CPython's) call ``on_stop(frame, "line", None)`` before the next line that it runs.

        Returns "" if it has done so or will: it runs Python, or C code that returns. Otherwise why not: "blocked in
        FUNCTION at FILE:LINE". Even then the request stays, and the thread stops when its wait is over, until `revoke`,
        or until another request takes its place. Raises AgentError ``no-such-thread`` for a thread that is never
        stopped, ``monitoring-busy`` or ``unsupported-build`` if there is no way to; then there is no request.
        """
        why_not = refusal(ident)
        if why_not:
            raise AgentError("no-such-thread", why_not)
        with self._lock:
            self._clear()
            request = Request(ident, on_stop)
            engine = self._engine_of(request)
            try:
                engine.arm()
            except BaseException:
                if request.revoke():
                    engine.disarm()
                raise
            self._current = request, engine
            if self._closed:
                self.revoke()
        return self._watch(request, engine)

    def revoke(self) -> bool:
        """Afterwards ``on_stop`` is not called any more. False if it was, or is about to be: the thread came first.

        Waits for nothing.
        """
        if self._current is None:
            return True
        request, engine = self._current
        if request.revoke():
            engine.disarm()
        return not request.was_fired()

    def _clear(self) -> None:
        """Revoke; if the thread came first it is taking everything away in this moment, or has done so."""
        self.revoke()
        deadline = time.monotonic() + _SETTLING
        while self._current is not None and self._current[1].is_armed() and time.monotonic() < deadline:
            self._pause(0.0005)

    def close(self) -> None:
        """Nothing of ours is left in the process, and nothing comes any more. May be called twice."""
        self._closed = True
        self._clear()
        if self._waking is not None:
            self._waking.put_back()

    def _engine_of(self, request: Request) -> Monitored | Traced:
        who, wanted = self._who(request.ident)
        if sys.version_info >= (3, 12):
            from .monitored import Monitored

            return Monitored(request, who, wanted)
        from .traced import Traced

        return Traced(request, who, wanted, self._thread_states())

    def _who(self, ident: int) -> tuple[Callable[[], int], int]:
        """How a thread tells who it is, and what the thread `ident` would say."""
        own = self._importer.native(_thread, "get_ident", "get_native_id")
        return own, ident if own.__name__ == "get_ident" else native_id(ident)

    def _thread_states(self) -> OneThread:
        from .onethread import OneThread

        for attempt in range(_ATTEMPTS):
            sys.settrace(None)  # a coverage measurement that runs may try to trace us, too
            try:
                self._states = self._states or OneThread()
            except AgentError:
                if attempt == _ATTEMPTS - 1:
                    raise
        assert self._states is not None
        return self._states

    def _watch(self, request: Request, engine: Monitored | Traced) -> str:
        sight = Sight(request.ident)
        start = time.monotonic()
        widened = False
        while request.open and time.monotonic() - start < PATIENCE:
            if sight.is_blocked():
                engine.ignore_starts()
                engine.watch_jumps()
                return self._wake(request, sight)
            if not widened and time.monotonic() - start > _WIDEN_AFTER:
                widened = True
                engine.watch_starts()
                engine.watch_jumps()
            self._pause(0.0005)
            engine.look_again()
        engine.ignore_starts()
        return ""

    def _wake(self, request: Request, sight: Sight) -> str:
        """The thread is blocked. The main thread can be woken; why that did not help."""
        if not sight.is_main():
            return sight.place()
        why_not = ""
        try:
            from .waking import CannotWake, Waking
        except ImportError as error:
            return "%s, and cannot be woken: %s" % (sight.place(), error)
        try:
            call = sight.system_call()
            if call:
                self._waking = Waking(self._pause)
                self._waking.wake(request.ident, call, sight.blocked_signals(), lambda: not request.open)
        except (CannotWake, OSError) as error:  # the second of pthread_kill
            why_not = ", and cannot be woken: %s" % error
        return sight.place() + why_not if request.open else ""
