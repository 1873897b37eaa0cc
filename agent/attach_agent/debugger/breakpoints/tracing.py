"""Breakpoints through trace functions, Python 3.8 - 3.11.

Every thread calls ours when a function begins, and in code with an armed line also at each of its lines. Where a
thread is traced already, by coverage's tracer or by what the program gave to ``sys.settrace``, ours comes before that
and hands it each event, as CPython would.
"""

from __future__ import annotations

import _thread
import sys

from ...errors import AgentError
from ...frames import suspended_kinds
from ...neighbours import behind, is_over, refuse_audit_hooks, set_thread_hook, thread_hook
from ...stacks import current_stacks, greenlets, heap_of, running_code, wait_until_left
from .chaining import ChainedThreadStates
from .entries import Entries
from .local import Local, clear, is_of_debugger, is_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType, FrameType
    from typing import Any

    from .armed import Armed
    from .functions import Awaited

#: How often we look for threads that no hook told us about.
POLL_SECONDS = 0.1

#: Figures: docs/decisions/0016-breakpoints.md.
SLOWDOWN = (
    "before Python 3.12 every thread is traced while something is armed: most code takes 2 to 5 times as long, "
    "a function with an armed line up to 10 times"
)


class TracingEngine:
    """As `monitoring.MonitoringEngine`. To be made in a thread that is not traced."""

    def __init__(
        self,
        armed: Armed,
        awaited: Awaited,
        native: Callable[..., Any],
        pause: Callable[[float], object],
        on_line: Callable[..., Any],
    ) -> None:
        self._armed = armed
        self._awaited = awaited
        self._native = native
        self._pause = pause
        self._states = ChainedThreadStates()
        self._entries = Entries(armed, awaited, self._states, on_line)
        self._started = self._watching = self._aside = False
        self._hook: Any = None
        #: entries that were not in use when we looked last
        self._unused: set[Any] = set()
        self._new_locks()

    def slowdown(self) -> str:
        return SLOWDOWN

    def arm(self, _codes: Iterable[CodeType]) -> None:
        """Have the lines that `armed` has by now told, in all code.

        Raises AgentError: ``tracing-refused`` or ``audit-hook``, if an audit hook of the program is in the way.
        """
        self._start()
        self._look()
        self._mark_frames()

    def disarm(self) -> None:
        """`armed` has less. Its frames notice; without anything armed the threads are as before."""
        if not self._has_work():
            self._stop()
        elif self._started:
            self._look()

    def _look(self) -> None:
        """All frames are looked at for exceptions and functions that are not there yet, else those of armed files."""
        self._armed.look_at_all(bool(self._awaited.names) or self._entries.raised is not None)

    def _has_work(self) -> bool:
        return bool(self._armed or self._awaited.names or self._entries.raised is not None)

    def watch_exceptions(self, raised: Callable[[FrameType, BaseException, Any], object]) -> None:
        self._entries.raised = raised
        self.arm(())

    def after_fork(self) -> None:
        """In the child, to which our thread did not come along."""
        self._watching = False
        self._new_locks()

    def step_aside(self) -> None:
        """Until `step_back` all threads are as before."""
        self._aside = True
        self._stop()

    def step_back(self) -> None:
        self._aside = False
        if self._has_work():
            self.arm(())

    def close(self) -> None:
        """Give all threads back, in a thread of ours."""
        self._armed.clear()
        self._awaited.clear()
        self._entries.raised = None
        self._stop()

    def _start(self) -> None:
        if self._started or self._aside:
            return
        refuse_audit_hooks()
        self._started, self._entries.closed = True, False
        self._states.force_tracing()
        try:
            self.reach()
            self._watching = True
            try:
                self._native(_thread, "start_new_thread", "start_new")(self._watch, ())
            except RuntimeError as error:
                self._watching = False
                raise AgentError("no-thread", "the process cannot start one more thread: %s" % error) from None
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        if not self._started:
            if self._entries.closed:  # who steps through a thread may have put us back since
                self._give_back()
                self._clear_frames()
            return
        self._entries.closed = True
        self._armed.look_at_all(True)
        self._wake.release()
        while self._watching:
            self._pause(0.001)
        self._wake.acquire(False)
        with self._changing:
            before = behind(self._hook)
            set_thread_hook(self._hook, None if is_over(before) else before)
            self._give_back()
            # one that is under way may be about to put itself back into its thread, and a thread may start with it
            wait_until_left(self._entries.codes, self._pause)
            self._give_back()
            self._states.unforce_tracing()
            self._clear_frames()
            self._started = False

    def _give_back(self) -> None:
        for entry, (before, function) in list(self._entries.known.items()):
            if before is None or is_over(before):
                self._states.remove([entry])
            else:
                self._states.put_back(entry, before, function)

    def _new_locks(self) -> None:
        allocate = self._native(_thread, "allocate_lock", "allocate")
        self._wake, self._changing = allocate(), allocate()
        self._wake.acquire()

    # ---- threads ----

    def reach(self) -> None:
        """Stand before what traces each thread; this one is left as it is."""
        entries = self._entries
        with self._changing:
            if entries.closed:
                return
            hook = thread_hook()
            if not entries.has(hook):
                self._hook = entries.before(hook, self._states.trampoline)
                set_thread_hook(hook, self._hook)
            for item, function in self._states.traced():
                if entries.has(item):
                    if is_over(behind(item)):
                        self._states.replace([item], entries.alone)
                elif not is_of_debugger(item) and callable(item):
                    self._states.replace([item], entries.before(item, function))
            self._states.install(entries.alone)
            if sys.version_info >= (3, 10) and "greenlet" in sys.modules:
                self._states.keep_on(entries.known)

    def _watch(self) -> None:
        """Look after what no hook tells us, until `close`."""
        try:
            while not self._wake.acquire(True, POLL_SECONDS):
                try:
                    self.reach()
                    self._forget_entries()
                except Exception:  # no memory: later, perhaps
                    continue
        finally:
            self._watching = False

    def _forget_entries(self) -> None:
        """Those that trace no thread any more. A thread on its way through one may have taken it off for a moment."""
        used = {id(item) for item, _ in self._states.traced()}
        entries = self._entries
        unused = {entry for entry in list(entries.known) if id(entry) not in used} - {entries.alone, self._hook}
        if unused and not any(id(code) in entries.codes for code, _ in running_code()):
            for entry in self._unused & unused:
                entries.known.pop(entry, None)
            self._unused = unused

    # ---- frames ----

    def _mark_frames(self) -> None:
        """Frames that run already tell of their lines by the trace function of the frame."""
        for frame in self._frames():
            self._mark(frame)

    def mark_stack(self, frame: FrameType | None) -> None:
        """The same for this thread, which has been at a prompt: what it armed there did not reach itself."""
        if self._started and sys.gettrace() is None:
            sys.settrace(self._entries.alone)
        while frame is not None and self._started:
            self._mark(frame)
            frame = frame.f_back

    def _mark(self, frame: FrameType) -> None:
        lines = self._armed.lines_of(frame.f_code)
        if not lines and self._entries.raised is None:
            return
        if type(frame.f_trace) is Local:
            frame.f_trace_lines = bool(lines) or frame.f_trace_lines
        elif is_plain(frame.f_trace) or not is_of_debugger(frame.f_trace):
            clear(frame)
            frame.f_trace = Local(self._entries, frame, frame.f_trace, lines)

    def _clear_frames(self) -> None:
        for frame in self._frames():
            clear(frame)
        kinds = suspended_kinds()
        kinds[type(sys._getframe())] = ""
        for item in heap_of(kinds, self._pause):
            kind = kinds[type(item)]
            found = getattr(item, kind + "frame") if kind else item
            if found is not None:
                clear(found)

    def _frames(self) -> Iterator[FrameType]:
        """Of all stacks, those of suspended greenlets too."""
        for stack in current_stacks().values():
            yield from stack
        for greenlet in greenlets(self._pause):
            suspended: FrameType | None = greenlet.gr_frame
            while suspended is not None:
                yield suspended
                suspended = suspended.f_back
