"""The trace function of a thread that pdb steps through: beside the one that was there, and put back exactly."""

from __future__ import annotations

import sys

from ...neighbours import is_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

_SUSPENDABLE = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR (Include/cpython/code.h)


class Tracing:
    """From `begin` to `end`, both called in the stopped thread, `dispatch` is its trace function.

    What traced it before, a tracer of coverage.py or somebody's ``sys.settrace``, gets every event through `chain` as
    CPython would have handed it out (Python/sysmodule.c, trace_trampoline).
    """

    def __init__(self, dispatch: Callable[[FrameType, str, Any], Any]) -> None:
        self._dispatch = dispatch
        self.active = False
        #: what traced the thread before
        self.before: Any = None
        #: frame -> its own trace function and f_trace_lines, as they would be without us
        self._local: dict[FrameType, tuple[Any, bool]] = {}

    def begin(self, frame: FrameType) -> None:
        """Trace this thread from here on: the frames that are running, and those that begin."""
        if not self.active:
            self.before = sys.gettrace()
            self.active = True
        caller: FrameType | None = frame
        while caller is not None:
            self._take_over(caller)
            caller = caller.f_back
        if sys.gettrace() is not self._dispatch:
            sys.settrace(self._dispatch)

    def _take_over(self, frame: FrameType) -> None:
        if frame not in self._local:
            self._local[frame] = frame.f_trace, frame.f_trace_lines
        if self._local[frame][0] is not self._dispatch:
            frame.f_trace = self._dispatch
        frame.f_trace_lines = True

    def chain(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Hand the event to what was there before; returns what would now trace the frame without us."""
        known, lines = self._local.get(frame, (None, True))
        if event == "call":
            local = None if self.before is None else self._hand_on(self.before, frame, event, arg)
            if local is None:  # what the frame has stays (trace_trampoline)
                local = known if frame.f_trace is self._dispatch else frame.f_trace
            self._local[frame] = local, frame.f_trace_lines
            return local
        local = known
        if local is not None and (lines or event != "line"):
            result = self._hand_on(local, frame, event, arg)
            if not self.active:  # a breakpoint, whose prompt has ended this
                return result
            if result is not None:
                local = result
                self._local[frame] = local, lines
        if event == "return" and not frame.f_code.co_flags & _SUSPENDABLE:
            self._local.pop(frame, None)
        return local

    def _hand_on(self, function: Any, frame: FrameType, event: str, arg: Any) -> Any:
        """Call it as if it traced the thread, which it may give to another, as coverage does at its first event.

        A tracer of coverage.py does not ask for that, and takes the thread (coverage/ctracer/tracer.c, CTracer_call).
        """
        before = self.before
        if before is not None and type(before).__name__ != "CTracer":
            sys.settrace(before)
        result = function(frame, event, arg)
        now = sys.gettrace()
        if self.active and now is not self._dispatch:
            self.before = now
            sys.settrace(self._dispatch)
            if now is not before:
                caller: FrameType | None = frame
                while caller is not None:
                    self._take_back(caller)
                    caller = caller.f_back
        return result

    def _take_back(self, frame: FrameType) -> None:
        """A frame that was given another trace function."""
        if frame.f_trace is not self._dispatch:
            self._local.pop(frame, None)
            self._take_over(frame)

    def entered(self, frame: FrameType, wanted: bool) -> Any:
        """After the "call": whether we trace the frame, for pdb or for what was there before; returns what does."""
        if wanted or self._local[frame][0] is not None:
            frame.f_trace_lines = True
            return self._dispatch
        del self._local[frame]
        return None

    def end(self, frame: FrameType | None) -> None:
        """Everything as it was, but for what has happened since; `frame` is where the thread is."""
        if not self.active:
            return
        self.active = False
        while frame is not None:
            if frame.f_trace is self._dispatch and frame not in self._local:  # pdb has come back to it from below
                frame.f_trace = None
            frame = frame.f_back
        while self._local:
            frame, (local, lines) = self._local.popitem()
            if frame.f_trace is self._dispatch:
                frame.f_trace = None if is_over(local) else local
            frame.f_trace_lines = lines
        before, self.before = self.before, None
        sys.settrace(None if is_over(before) else before)
