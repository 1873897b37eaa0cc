"""Stopping a thread by its trace function: Python 3.8 - 3.11.

Only that one thread is traced, with whatever traces it put aside. What was there gets every event that ours has eaten,
called as the interpreter would have called it, and is put back when the thread stops.
"""

from __future__ import annotations

from _operator import attrgetter, is_, itemgetter
from itertools import chain, compress, product, repeat, tee

from .looking import walk
from .request import CODE, has_room, is_passed_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Iterator

    from .onethread import OneThread
    from .request import Request

#: The events of a trace function, as C calls them (Include/cpython/pystate.h).
_EVENTS = {"call": 0, "exception": 1, "line": 2, "return": 3, "opcode": 7}

_SETTINGS = attrgetter("f_trace", "f_trace_lines")
_TRACE = attrgetter("f_trace")


class Traced:
    """The engine of one request. `who` gives a thread's own id, and `wanted` is that of the thread that is meant."""

    def __init__(self, request: Request, who: Callable[[], int], wanted: int, states: OneThread) -> None:
        self._request = request
        self._who, self._wanted = who, wanted
        self._states = states
        #: The one object that stands for us in the thread's state and in frames.
        self._function = self._trace_function()
        #: See `OneThread.take`.
        self._before: list[Any] = []
        self._given_back: list[None] = []
        #: The frames that were given our trace function, and what they had: (f_trace, f_trace_lines).
        self._frames: list[tuple[FrameType, tuple[Any, bool]]] = []

    def arm(self) -> None:
        frames, again = tee(walk(self._request.ident))
        steps = chain(map(self._frames.append, self._settings(frames)), self._mark(again))
        self._states.take(self._request.ident, self._function, self._before, steps)
        # a measurement looks for who traces its threads, and sees through this one (coverage.tracer.neighbours, behind)
        self._function.__dict__["live_attach"] = self._before[3] if self._before[3:] else None

    def look_again(self) -> None:
        """What the thread enters is traced anyhow."""

    def watch_jumps(self) -> None:
        """Jumps back are lines of their own."""

    def watch_starts(self) -> None:
        """They are events anyhow."""

    def ignore_starts(self) -> None:
        """The same."""

    def is_armed(self) -> bool:
        return not self._given_back

    def disarm(self) -> None:
        """Take everything away: the request is over. May be called again if a signal handler has cut it off."""
        if self._given_back:
            return
        steps = chain(self._unmark(self._frames[::-1]), map(self._given_back.append, (None,)))
        if self._before:
            self._states.give_back(self._function, self._before, steps)
        else:  # the thread had ended
            list(steps)
        self._frames.clear()

    # ---- frames: each change is one call into C, since the thread may run on between any two lines of ours ----

    def _settings(self, frames: Iterator[FrameType]) -> Iterator[tuple[FrameType, tuple[Any, bool]]]:
        first, second = tee(frames)
        return zip(first, map(_SETTINGS, second))

    def _mark(self, frames: Iterator[FrameType]) -> Iterator[object]:
        """Give frames our trace function; those that run already have no other way to it."""
        first, second = tee(frames)
        lines = map(setattr, second, repeat("f_trace_lines"), repeat(True))
        return chain(map(setattr, first, repeat("f_trace"), repeat(self._function)), lines)

    def _unmark(self, frames: list[tuple[FrameType, tuple[Any, bool]]]) -> Iterator[object]:
        """Put back what frames had: the trace function where it is still ours."""
        traces = [(frame, trace) for frame, (trace, _) in frames]
        silent = [frame for frame, (_, lines) in frames if not lines]
        ours = map(is_, map(_TRACE, [frame for frame, _ in traces]), repeat(self._function))
        first, second = tee(compress(traces, ours))
        return chain(
            map(setattr, map(itemgetter(0), first), repeat("f_trace"), map(itemgetter(1), second)),
            map(setattr, silent, repeat("f_trace_lines"), repeat(False)),
        )

    # ---- in the thread ----

    def _trace_function(self) -> Callable[[FrameType, str, Any], Any]:
        def stopping(frame: FrameType, event: str, argument: Any) -> Any:
            return self._trace(frame, event, argument)

        stopping.__dict__["live_attach"] = None
        return stopping

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """What it does. It returns None, which leaves ``f_trace`` as it is, but for what `on_stop` returns."""
        code, request = frame.f_code, self._request
        is_stop = code is CODE or (event == "line" and not is_passed_by(code.co_filename))
        if is_stop and self._who() == self._wanted and has_room() and request.fire():
            try:
                self.disarm()
            finally:  # a signal handler of the program has raised an exception, perhaps
                self.disarm()
            self._pass_on(frame, event, argument)
            if code is not CODE:
                return request.call(frame)
            self._stop_below(frame)
            return None
        list(self._unmark([(frame, self._had(frame))]))
        self._pass_on(frame, event, argument)
        if event != "return" and request.open:
            self._frames.append((frame, _SETTINGS(frame)))
            # none, if the request was fired or revoked in this moment
            open_for = chain.from_iterable(map(product, ((frame,),), (request.open,)))
            list(self._mark(map(itemgetter(0), open_for)))
        return None

    #: what is traced behind it, for who looks at the threads of the process
    _trace.live_attach = lambda engine: engine._before[3] if len(engine._before) > 3 else None  # type: ignore[attr-defined]

    def _stop_below(self, frame: FrameType) -> None:
        """The main thread was woken: it is stopped in what it waits in."""
        waiting = frame.f_back
        if waiting is not None:
            local = self._request.call(waiting)
            if local is not None:
                waiting.f_trace = local

    def _had(self, frame: FrameType) -> tuple[Any, bool]:
        found = [settings for one, settings in self._frames[::-1] if one is frame]
        return found[0] if found else (None, True)

    def _pass_on(self, frame: FrameType, event: str, argument: Any) -> None:
        """Call what traces the thread otherwise, as the interpreter calls it; the frame is as it was without us."""
        if self._before[1] and (event != "line" or frame.f_trace_lines):
            function = self._states.tracer_at(self._before[1])
            function(self._before[2], frame, _EVENTS[event], argument)
