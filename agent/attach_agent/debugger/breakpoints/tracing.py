"""Breakpoints through trace functions, Python 3.8 - 3.11.

Every thread calls ours when a function begins, and in code with an armed line also at each of its lines. Where a
thread is traced already, by coverage's tracer or by what the program gave to ``sys.settrace``, ours comes before that
and hands it each event, as CPython would.
"""

from __future__ import annotations

import _thread
import sys
from _operator import contains
from itertools import repeat

from ...coverage.frames import suspended_kinds
from ...coverage.tracer.neighbours import is_over, refuse_audit_hooks, set_thread_hook, thread_hook
from ...errors import AgentError
from ...stacks import current_stacks, greenlets, heap, running_code, wait_until_left
from .chaining import ChainedThreadStates
from .local import Local, clear, is_of_debugger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType, FrameType
    from typing import Any

    from .armed import Armed
    from .functions import Awaited

#: How often we look for threads that no hook told us about.
POLL_SECONDS = 0.1

SLOWDOWN = (
    "before Python 3.12 every thread is traced while a breakpoint is armed: calls take 2-4 times as long, "
    "lines of the function with the breakpoint up to 10 times"
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
        self.armed = armed
        self._awaited = awaited
        self._native = native
        self._pause = pause
        self.on_line = on_line
        self._states = ChainedThreadStates()
        self.raised: Callable[[FrameType, BaseException, Any], object] | None = None
        #: ours -> what it comes before (None: nothing), and the C function that CPython called for that
        self._entries: dict[Any, tuple[Any, int]] = {}
        self._alone = self._new_entry(None, 0)
        self._started = self.closed = False
        self._watching = self._aside = False
        self._hook: Any = None
        #: entries that were not in use when we looked last
        self._unused: set[Any] = set()
        self._entering = frozenset((id(self._alone.__code__),))
        self._new_locks()

    def slowdown(self) -> str:
        return SLOWDOWN

    def arm(self, _codes: Iterable[CodeType]) -> None:
        """Have the lines that `armed` has by now told, in all code.

        Raises AgentError: ``tracing-refused`` or ``audit-hook``, if an audit hook of the program is in the way.
        """
        self._start()
        self._mark_frames()

    def disarm(self) -> None:
        """`armed` has less. Its frames notice; without anything armed the threads are as before."""
        if not self.armed and not self._awaited.names and self.raised is None:
            self._stop()

    def watch_exceptions(self, raised: Callable[[FrameType, BaseException, Any], object]) -> None:
        self.raised = raised
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
        if self.armed or self._awaited.names or self.raised is not None:
            self.arm(())

    def close(self) -> None:
        """Give all threads back, in a thread of ours."""
        self.armed.clear()
        self._awaited.clear()
        self.raised = None
        self._stop()

    def _start(self) -> None:
        if self._started or self._aside:
            return
        refuse_audit_hooks()
        self._started, self.closed = True, False
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
            if self.closed:  # who steps through a thread may have put us back since
                self._give_back()
                self._clear_frames()
            return
        self.closed = True
        self._wake.release()
        while self._watching:
            self._pause(0.001)
        self._wake.acquire(False)
        with self._changing:
            before, _ = self._entries.get(self._hook, (None, 0))
            set_thread_hook(self._hook, None if is_over(before) else before)
            self._give_back()
            # one that is under way may be about to put itself back into its thread, and a thread may start with it
            wait_until_left(self._entering, self._pause)
            self._give_back()
            self._states.unforce_tracing()
            self._clear_frames()
            self._started = False

    def _give_back(self) -> None:
        for entry, (before, function) in list(self._entries.items()):
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
        """Come before what traces each thread; this one is left as it is."""
        with self._changing:
            if self.closed:
                return
            hook = thread_hook()
            if hook not in self._entries:
                self._hook = self._entry_before(hook, self._states.trampoline)
                set_thread_hook(hook, self._hook)
            for item, function in self._states.traced():
                if item not in self._entries and not is_of_debugger(item) and callable(item):
                    self._states.replace([item], self._entry_before(item, function))
            self._states.install(self._alone)
            if sys.version_info >= (3, 10) and "greenlet" in sys.modules:
                self._states.keep_on(self._entries)

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
        unused = {entry for entry in list(self._entries) if id(entry) not in used} - {self._alone, self._hook}
        if unused and not any(id(code) in self._entering for code, _ in running_code()):
            for entry in self._unused & unused:
                self._entries.pop(entry, None)
            self._unused = unused

    def _entry_before(self, before: Any, function: int) -> Any:
        """The trace function that comes before `before`."""
        if before is None:
            return self._alone
        for entry, (known, _) in list(self._entries.items()):
            if known is before:
                return entry
        return self._new_entry(before, function)

    # ---- frames ----

    def _mark_frames(self) -> None:
        """Frames that run already tell of their lines by the trace function of the frame."""
        for frame in self._frames():
            lines = self.armed.lines_of(frame.f_code)
            if not lines and self.raised is None:
                continue
            if type(frame.f_trace) is Local:
                frame.f_trace_lines = bool(lines) or frame.f_trace_lines
            elif not is_of_debugger(frame.f_trace):
                frame.f_trace = Local(self, frame, frame.f_trace, lines)

    def _clear_frames(self) -> None:
        for frame in self._frames():
            clear(frame)
        kinds = suspended_kinds()
        kinds[type(sys._getframe())] = ""
        for item in heap(lambda types: map(contains, repeat(kinds), types), self._pause):
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

    # ---- in the program's threads ----

    def _new_entry(self, before: Any, function: int) -> Any:
        """A trace function that comes before `before`: called when a frame begins, or goes on after a yield."""
        armed, awaited = self.armed, self._awaited

        def entry(frame: FrameType, event: str, arg: Any) -> Any:
            local = None
            if before is not None or self.closed:
                local = self._pass_on(entry, before, frame, event, arg)
            if event != "call" or self.closed:  # not a call: somebody has put us on a frame
                return local
            try:
                lines = armed.by_name.get(frame.f_code.co_filename)
                if lines is None:
                    lines = armed.lines_named(frame.f_code.co_filename)
                if lines or self.raised is not None or awaited.names:
                    return self._local(frame, local)
            except RecursionError:  # the stack ends here
                pass
            return local

        # for coverage's tracer, see its `neighbours`
        entry.live_attach = before  # type: ignore[attr-defined]
        entry.live_attach_again = self._again  # type: ignore[attr-defined]
        self._entries[entry] = before, function
        return entry

    def _again(self, now: Any) -> Any:
        return now if self.closed else self._entry_before(now, self._states.own_function())

    def _pass_on(self, entry: Any, before: Any, frame: FrameType, event: str, arg: Any) -> Any:
        """Let `before` see this event as if it traced the thread; returns what is to trace the frame."""
        here = sys.gettrace()
        if self.closed and here is entry:  # who stepped through this thread has put us back
            sys.settrace(before)
        if before is None:
            return None
        in_c = type(before).__name__ == "CTracer"
        if not in_c:  # it does not ask whether the thread is its own, and takes it (CTracer_call)
            sys.settrace(before)
        local = before(frame, event, arg)
        now = sys.gettrace()
        if self.closed:
            return local
        if now is before and in_c and self._entries.get(entry, (None, 0))[1] == self._states.trampoline:
            self._entries[entry] = before, self._states.own_function()
        if now is before or here is not entry:
            sys.settrace(here)
        elif now is not here:  # it has given the thread to another, or to nobody
            sys.settrace(self._entry_before(now, self._states.own_function()))
        return local

    def _local(self, frame: FrameType, inner: Any) -> Any:
        """What traces a frame that has just begun."""
        if frame.f_code.co_name in self._awaited.names:
            self._awaited.started(frame.f_code, frame)
        lines = self.armed.lines_of(frame.f_code)
        if not lines and self.raised is None:
            return inner
        known = frame.f_trace
        if type(known) is not Local:
            return Local(self, frame, known if inner is None else inner, lines)
        # a generator that goes on
        if inner is not None:
            known.inner = inner
        return known
