"""Breakpoints through sys.monitoring (PEP 669), Python 3.12 and later.

The line events of a code object with an armed line are on, and switched off again for each of its lines that comes and
is not armed: what runs elsewhere, or beside the line in the same function, runs as fast as ever. Code that comes with
later imports is noticed when it starts, once.
"""

from __future__ import annotations

import sys
from _weakref import ref
from itertools import repeat

from ...stacks import wait_until_left
from ...toolids import take_tool_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType, FrameType
    from typing import Any

    from .armed import Armed
    from .functions import Awaited

#: First what nobody expects to be free: debuggers, coverage.py and profilers take theirs without asking.
_TOOL_IDS = (4, 3, 5, 1, 2, 0)

#: Code objects whose lines we watch, until those that are gone are forgotten.
PRUNE_AT = 10_000


class MonitoringEngine:
    """Calls `on_line` before an armed line runs, and `on_raise` (code, exception) when one is raised or passes."""

    def __init__(
        self, armed: Armed, awaited: Awaited, pause: Callable[[float], object], on_line: Callable[..., Any]
    ) -> None:
        self._armed = armed
        self._awaited = awaited
        self._pause = pause
        self._on_line = on_line
        self._monitoring = getattr(sys, "monitoring")  # noqa: B009  (unknown to type checkers before 3.12)
        self._tool = -1
        self._events = 0
        #: Another object after each change: a callback that was under way then switches no line off.
        self._period = object()
        #: id(code) -> weak reference, for all code whose lines we watch.
        self._watched: dict[int, ref[CodeType]] = {}
        self._callbacks: dict[int, Callable[..., Any]] = {}
        self._start_codes: frozenset[int] = frozenset()
        self._raised: Callable[[FrameType, BaseException, Any], object] | None = None

    def slowdown(self) -> str:
        return ""

    def arm(self, codes: Iterable[CodeType]) -> None:
        """Have the lines that `armed` has by now told, in `codes` and in what comes later.

        Raises AgentError if other tools hold all tool ids.
        """
        self._start()
        self._period = object()
        for code in codes:
            self._watch(code)
        # Code that nobody could find, held by C code alone, tells when it starts the next time. CPython keeps that this
        # was switched off in the code, by tool id, also for who held the id before us.
        self._monitoring.restart_events()

    def disarm(self) -> None:
        """`armed` has less."""
        self._period = object()
        for known in list(self._watched.values()):
            code = known()
            if code is not None and not self._armed.lines_of(code):
                self._monitoring.set_local_events(self._tool, code, 0)
                self._watched.pop(id(code), None)

    def watch_exceptions(self, raised: Callable[[FrameType, BaseException, Any], object]) -> None:
        """Have `raised` called with the frame in which an exception is raised, or through which it passes."""
        self._raised = raised
        self._start()
        events = self._monitoring.events
        if events.RAISE not in self._callbacks:
            self._register(events.RAISE, self._raise_callback())
            self._events |= events.RAISE
            self._monitoring.set_events(self._tool, self._events)

    def step_aside(self) -> None:
        """Tools do not disturb each other."""

    def step_back(self) -> None:
        """As `step_aside`."""

    def mark_stack(self, frame: FrameType | None) -> None:
        """Code is armed, not frames."""

    def after_fork(self) -> None:
        """Nothing of ours is a thread."""

    def close(self) -> None:
        """Remove every trace of the tool, in a thread of ours."""
        if self._tool < 0:
            return
        monitoring, tool = self._monitoring, self._tool
        self._armed.clear()
        self._awaited.clear()
        self._period = object()  # from here on no callback answers DISABLE
        monitoring.set_events(tool, 0)
        for event in self._callbacks:
            monitoring.register_callback(tool, event, None)
        # one that is under way may be about to watch one more code object
        wait_until_left(self._start_codes, self._pause)
        for known in list(self._watched.values()):
            code = known()
            if code is not None:
                monitoring.set_local_events(tool, code, 0)
        self._watched.clear()
        monitoring.free_tool_id(tool)
        self._tool = -1

    def _start(self) -> None:
        if self._tool >= 0:
            return
        monitoring = self._monitoring
        events = monitoring.events
        self._tool = take_tool_id(monitoring, _TOOL_IDS)
        self._register(events.LINE, self._line_callback())
        start = self._start_callback()
        self._start_codes = frozenset((id(start.__code__),))
        self._register(events.PY_START, start)
        self._events = events.PY_START
        monitoring.set_events(self._tool, self._events)

    def _register(self, event: int, callback: Callable[..., Any]) -> None:
        self._callbacks[event] = callback
        self._monitoring.register_callback(self._tool, event, callback)

    def _watch(self, code: CodeType) -> None:
        """Have each armed line of this code told, also one that was switched off when it was not armed."""
        if not self._armed.lines_of(code):
            return
        if len(self._watched) >= PRUNE_AT:
            self._watched = {key: known for key, known in list(self._watched.items()) if known() is not None}
        self._watched[id(code)] = ref(code)
        # off and on, which switches all its lines on, in one call into C: no thread comes to a line between the two
        set_events = self._monitoring.set_local_events
        list(map(set_events, repeat(self._tool), repeat(code), (0, self._monitoring.events.LINE)))

    # The callbacks run in the program's threads. A signal handler may raise in them what is meant for the program, so
    # they catch little; where the stack ends, the next event of its kind comes again. What ends with a look at
    # `_period` answers DISABLE only if nothing has changed: between that look and what CPython does with the answer
    # no other thread can run.

    def _line_callback(self) -> Callable[..., Any]:
        disable = self._monitoring.DISABLE
        lines_of = self._armed.lines_of
        frame_at = sys._getframe
        on_line = self._on_line

        def on_line_event(code: CodeType, line: int) -> Any:
            period = self._period
            try:
                if line in lines_of(code):
                    on_line(frame_at(1), "line", None)
                    return None
            except RecursionError:
                return None
            return disable if period is self._period else None

        return on_line_event

    def _start_callback(self) -> Callable[..., Any]:
        disable = self._monitoring.DISABLE
        named, lines_of = self._armed.lines_named, self._armed.lines_of
        frame_at = sys._getframe

        def on_start(code: CodeType, _offset: int) -> Any:
            period = self._period
            try:
                if code.co_name in self._awaited.names:
                    self._awaited.started(code, frame_at(1))
                if named(code.co_filename):
                    known = self._watched.get(id(code))
                    if known is None or known() is not code:  # an id may be used again
                        self._watch(code)
                    if code.co_firstlineno in lines_of(code):
                        # CPython 3.13 tells no line that is also that of the RESUME before, once it has specialised
                        # that to RESUME_CHECK; it does not while our event is on
                        return None
            except RecursionError:
                return None
            return disable if period is self._period else None

        return on_start

    def _raise_callback(self) -> Callable[..., Any]:
        frame_at = sys._getframe

        def on_raise(_code: CodeType, _offset: int, exception: BaseException) -> None:
            raised = self._raised
            if raised is not None:
                try:
                    raised(frame_at(1), exception, exception.__traceback__)
                except RecursionError:
                    return

        return on_raise
