"""Stopping a thread by sys.monitoring (PEP 669): Python 3.12 and later.

The lines of the code on its stack are watched, as soon as that, for other threads too, which pay one callback a line
in these functions while the request is pending. Nothing is eaten, nothing is disabled: no other tool notices.
"""

from __future__ import annotations

import sys
from _operator import itemgetter
from itertools import chain, product, starmap

from ...toolids import take_tool_id
from .looking import stack
from .request import CODE, has_room, is_passed_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType, FrameType
    from typing import Any

    from .request import Request

#: First those that nobody expects to be free.
_TOOL_IDS = (4, 3, 5, 1, 2, 0)

_WITHOUT_LAST = itemgetter(slice(0, -1))


class Monitored:
    """The engine of one request. `who` gives a thread's own id, and `wanted` is that of the thread that is meant."""

    def __init__(self, request: Request, who: Callable[[], int], wanted: int) -> None:
        self._request = request
        self._monitoring = getattr(sys, "monitoring")  # noqa: B009  (unknown to type checkers before 3.12)
        self._events = self._monitoring.events
        self._tool = -1
        #: What is watched of a code object.
        self._local: int = self._events.LINE
        #: What is watched, or about to be, by id: code objects of different files may compare equal.
        self._codes: dict[int, CodeType] = {}
        on_line, on_jump, on_start = self._callbacks(who, wanted)
        self._on = {
            self._events.LINE: on_line,
            self._events.JUMP: on_jump,
            self._events.PY_START: on_start,
            self._events.PY_RESUME: on_start,
        }

    def arm(self) -> None:
        """Raises AgentError ``monitoring-busy`` if other tools hold all tool ids."""
        monitoring = self._monitoring
        self._tool = take_tool_id(monitoring, _TOOL_IDS)
        for event, callback in self._on.items():
            monitoring.register_callback(self._tool, event, callback)
        self._watch([CODE])
        self.look_again()

    def look_again(self) -> None:
        """Watch also what the thread has entered since."""
        self._watch([frame.f_code for frame in stack(self._request.ident)])

    def watch_jumps(self) -> None:
        """Watch also loops within one line, which have no events of lines."""
        self._local |= self._events.JUMP
        self._set(list(self._codes.values()))

    def watch_starts(self) -> None:
        """Watch also what it enters next: C code, as the loop of a library, may never come back to its stack.

        That costs every thread a callback for each function that it calls.
        """
        self._change(self._monitoring.set_events, (self._tool,), (self._events.PY_START | self._events.PY_RESUME,))

    def ignore_starts(self) -> None:
        self._change(self._monitoring.set_events, (self._tool,), (0,))

    def is_armed(self) -> bool:
        return self._tool >= 0

    def disarm(self) -> None:
        """Take everything away: the request is over. May be called again if a signal handler has cut it off."""
        monitoring, tool = self._monitoring, self._tool
        if tool < 0:
            return
        monitoring.set_events(tool, 0)
        for code in list(self._codes.values()):
            monitoring.set_local_events(tool, code, 0)
        for event in self._on:
            monitoring.register_callback(tool, event, None)
        self._tool = -1
        monitoring.free_tool_id(tool)  # no signal handler runs between these two lines

    def _watch(self, codes: Iterable[CodeType]) -> None:
        new = [code for code in codes if id(code) not in self._codes]
        new = [code for code in new if code is CODE or not is_passed_by(code.co_filename)]
        self._codes.update({id(code): code for code in new})
        self._set(new)

    def _set(self, codes: list[CodeType]) -> None:
        # since 3.13 the line of code that has one only, as that of a lambda, is reported if its start is watched, too
        short = [code for code in codes if has_one_line(code)]
        long = [code for code in codes if not has_one_line(code)]
        both = self._local | self._events.PY_START
        self._change(self._monitoring.set_local_events, (self._tool,), short, (both,))
        self._change(self._monitoring.set_local_events, (self._tool,), long, (self._local,))

    def _change(self, function: Callable[..., object], *arguments: Iterable[Any]) -> None:
        """Call `function` with each combination of the arguments, if the request is still open.

        The thread that is meant may fire it, and take everything away, between any two lines of ours: so whether it is
        open is looked at in the one call into C that also makes the change.
        """
        combinations = map(product, *((values,) for values in arguments), (self._request.open,))
        list(starmap(function, map(_WITHOUT_LAST, chain.from_iterable(combinations))))

    # ---- in the target's threads: never DISABLE, which would be for all of them ----

    def _callbacks(self, who: Callable[[], int], wanted: int) -> tuple[Callable[..., None], ...]:
        request = self._request

        def stop(frame: FrameType) -> None:
            if not request.fire():
                return
            try:
                self.disarm()
            finally:  # a signal handler of the program has raised an exception, perhaps
                self.disarm()
            request.call(frame.f_back if frame.f_code is CODE and frame.f_back else frame)

        def on_line(_code: CodeType, _line: int) -> None:
            if who() == wanted and has_room():
                stop(sys._getframe(1))

        def on_jump(code: CodeType, offset: int, destination: int) -> None:
            if who() == wanted and has_room() and line_at(code, offset) == line_at(code, destination):
                stop(sys._getframe(1))

        def on_start(code: CodeType, _offset: int) -> None:
            if who() == wanted and has_room():
                self._watch([code])

        return on_line, on_jump, on_start


def line_at(code: CodeType, offset: int) -> int | None:
    return next((line for start, end, line in code.co_lines() if start <= offset < end), None)


def has_one_line(code: CodeType) -> bool:
    return len({line for _, _, line in code.co_lines()}) == 1
