"""The trace functions of threads with breakpoints, before Python 3.12; they run in the program's threads.

One that stands before another hands it each event first, as CPython would. For coverage's tracer, which asks for the
trace function of its thread, each has as ``live_attach`` what it stands before, and as ``live_attach_again`` how to
stand before something else (``coverage.tracer.neighbours``).
"""

from __future__ import annotations

import sys

from .local import Local, is_plain, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from .armed import Armed
    from .chaining import ChainedThreadStates
    from .functions import Awaited


class Entries:
    """`known` has, by trace function of ours, what it stands before (None: nothing), and that one's C function."""

    def __init__(
        self, armed: Armed, awaited: Awaited, states: ChainedThreadStates, on_line: Callable[..., Any]
    ) -> None:
        self.armed = armed
        self.on_line = on_line
        self._awaited = awaited
        self._states = states
        #: called with frame, exception and traceback
        self.raised: Callable[[FrameType, BaseException, Any], object] | None = None
        #: From here on the functions only leave.
        self.closed = False
        #: `plain` ones by their lines, as long as nothing changes
        self._plains: tuple[Any, dict[frozenset[int], Any]] = (None, {})
        self.known: dict[Any, tuple[Any, int]] = {}
        self.alone = self._new(None, 0)
        #: ids of the code of both kinds
        self.codes = frozenset((id(self.alone.__code__), id(self._new(_nothing, 0).__code__)))
        del self.known[next(entry for entry in self.known if entry is not self.alone)]

    def has(self, item: Any) -> bool:
        """Is it one of ours? Nothing of the program's is asked for its hash."""
        return type(item) is type(_nothing) and item in self.known

    def before(self, other: Any, function: int) -> Any:
        """The trace function that stands before `other`, for which CPython calls the C function `function`."""
        if other is None:
            return self.alone
        for entry, (known, _) in list(self.known.items()):
            if known is other:
                return entry
        return self._new(other, function)

    def _new(self, other: Any, function: int) -> Any:
        armed = self.armed

        # both are called whenever a function begins: what they do most often has to be little

        def alone(frame: FrameType, event: str, _arg: Any) -> Any:
            code = frame.f_code
            if armed.named(code.co_filename, True) and armed.coded(id(code), True):
                return self._entered(frame, event, None)
            return None

        def chained(frame: FrameType, event: str, arg: Any) -> Any:
            local = self._pass_on(chained, other, frame, event, arg)
            code = frame.f_code
            if armed.named(code.co_filename, True) and armed.coded(id(code), True):
                return self._entered(frame, event, local)
            return local

        entry: Any = alone if other is None else chained
        entry.live_attach = other
        entry.live_attach_again = self._again
        self.known[entry] = other, function
        return entry

    def _again(self, other: Any) -> Any:
        return other if self.closed else self.before(other, self._states.own_function())

    def _pass_on(self, entry: Any, other: Any, frame: FrameType, event: str, arg: Any) -> Any:
        """Let `other` see this event as if it traced the thread; returns what is to trace the frame."""
        here = sys.gettrace()
        in_c = type(other).__name__ == "CTracer"
        # who stepped through this thread may have put us back; a tracer in C does not ask whether the thread is its
        # own, and takes it (CTracer_call)
        if not in_c or (self.closed and here is entry):
            sys.settrace(other)
        local = other(frame, event, arg)
        now = sys.gettrace()
        if self.closed:
            return local
        if now is other and in_c and self.known.get(entry, (None, 0))[1] == self._states.trampoline:
            self.known[entry] = other, self._states.own_function()
        if now is other or here is not entry:
            sys.settrace(here)
        elif now is not here:  # it has given the thread to another, or to nobody
            sys.settrace(self.before(now, self._states.own_function()))
        return local

    def _entered(self, frame: FrameType, event: str, inner: Any) -> Any:
        """What traces a frame of a file where something is armed, or that is new to us; `inner` would without us."""
        if self.closed and sys.gettrace() is self.alone:
            sys.settrace(None)
        if event != "call" or self.closed:  # not a call: somebody has put us on a frame
            return inner
        try:
            code = frame.f_code
            if code.co_name in self._awaited.names:
                self._awaited.started(code, frame)
            lines = self.armed.lines_of(code)
            if not lines and self.raised is None:
                return inner
        except RecursionError:  # the stack ends here
            return inner
        known = frame.f_trace
        if type(known) is not Local:
            if inner is None and self.raised is None and (known is None or is_plain(known)):
                return self._plain(lines)
            return Local(self, frame, known if inner is None else inner, lines)
        # a generator that goes on
        if inner is not None:
            known.inner = inner
        return known

    def _plain(self, lines: frozenset[int]) -> Any:
        known, table = self._plains
        if known is not self.armed.by_code:
            known, table = self._plains = self.armed.by_code, {}
        found = table.get(lines)
        if found is None:
            found = table[lines] = plain(self, lines)
        return found


def _nothing() -> None:
    """Stands for any trace function."""
