"""Lines or arcs through coverage.py's C tracer: the core of Python 3.8 - 3.11, and of branches before 3.14.

Every thread has a tracer of its own, which keeps a stack of the files of the frames it has seen entered. So a
thread is not given its tracer from outside but installs it itself: `TracerCollector._enter` becomes its trace
function (`threadstates`), which the thread calls at its next event, and which shows the new tracer the frames
that are running already.

New threads get it from ``threading``'s trace hook. Those that ``_thread`` or C code starts have no hook: they
are noticed within `POLL_SECONDS`, and what they run before is not measured.
"""

from __future__ import annotations

import _thread
import sys

from ...errors import AgentError
from ...frames import clear_running, clear_suspended, refresh_line_numbers
from ...neighbours import (
    behind,
    behind_breakpoint,
    name_of,
    refuse_audit_hooks,
    refuse_debugger,
    set_thread_hook,
    stand_in_front,
    thread_hook,
)
from ...stacks import current_stacks, wait_until_left
from ...threadmoves import thread_states
from . import greenlets, library
from .claims import Claims
from .making import Tracers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from ...threadstates import ThreadStates
    from ..record.recording import Recording
    from .plugins import Plugins

#: How often we look for threads that no hook told us about.
POLL_SECONDS = 0.1

#: Looks, 5 ms apart, until a tracer counts as active: a thread that started while we stopped may still have ours.
GRACE_ROUNDS = 10


class TracerCollector:
    """Records lines into `recording` from `start` until `stop`.

    `plugins` may claim files; `native` and `pause` are those of `Coverage`; `content` are the bytes of the tracer,
    needed if `library` finds none in the process or installed for it.
    """

    core = "ctracer"

    def __init__(
        self,
        recording: Recording,
        plugins: Plugins,
        native: Callable[..., Any],
        pause: Callable[[float], object],
        content: bytes,
    ) -> None:
        self._recording = recording
        self._native = native
        self._pause = pause
        self._content = content
        #: The one object that stands for us in thread states, frames and ``threading``.
        self._entry = self._enter
        self._callback_codes = frozenset((id(self._enter.__code__), id(self._should_trace.__code__)))
        self._tracers: Tracers
        self._claims = Claims(plugins, recording, self._give_up)
        self._callback_codes |= self._claims.codes
        #: Names that could not be decided because the stack had no room.
        self._undecided: list[str] = []
        self._stopping = self._left = False
        self._watching = False
        #: None until the process has loaded greenlet.
        self._greenlets: greenlets.Greenlets | None = None
        self._greenlet_is_coming = False
        self._threads: ThreadStates
        self._fork_callbacks: list[Any]
        self._wake = native(_thread, "allocate_lock", "allocate")()
        self._wake.acquire()

    def start(self) -> None:
        """Watch all threads, from the next event (call, line, return) on that each of them has.

        Raises AgentError: ``tracer-needed`` without the tracer's bytes, ``tracer-busy`` if something else traces or
        is about to, ``greenlets``, ``tracing-refused``, ``audit-hook``, or an error of `library.load` and
        `ThreadStates`. Then nothing was changed.
        """
        greenlet = greenlets.module_to_follow()
        refuse_audit_hooks()
        refuse_debugger((sys.gettrace(), thread_hook()))
        types = library.find() or (library.load(self._content) if self._content else library.load_installed())
        if types is None:
            raise AgentError("tracer-needed", "measuring Python %d.%d needs a tracer" % sys.version_info[:2])
        self._content = b""
        self._tracers = Tracers(types, self._recording, self._should_trace, self._claims.check_include)
        if greenlet is not None:
            self._follow_greenlets(greenlet)
        self._threads = thread_states()
        self._refuse_other_tracers()
        if self._recording.branch:
            self._recording.narrow_arcs = self._tracers.pack_narrowly()
        refresh_line_numbers(self._pause)
        self._threads.force_tracing()
        self._fork_callbacks = library.fork_callbacks(types[0])
        self._fork_callbacks.append(self._leave_child)
        try:
            set_thread_hook(None, self._entry)
            self._reach_threads()
            refresh_line_numbers(self._pause)  # of those that ran meanwhile
            self._start_watcher()
        except BaseException:
            self.stop()
            raise

    def _leave_child(self) -> None:
        """Called by the child of a fork: nobody will ask for its lines, so it shall not run at the tracer's pace.

        Suspended generators keep a tracer in ``f_trace``: looking at every object would make the child copy all memory
        that it shares.
        """
        if self._left:  # a grandchild: what traces it now is not ours
            return
        self._left = self._stopping = True
        if self._greenlets is not None:
            self._greenlets.end()
        sys.settrace(None)
        self._threads.unforce_tracing()
        set_thread_hook(self._entry, None)
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            if self._is_mine(frame.f_trace):
                frame.f_trace = None
            frame = frame.f_back

    def collect(self) -> None:
        """All that ran is in the recording already."""

    def details(self) -> tuple[tuple[str, Any], ...]:
        """Nothing more to tell in the status."""
        return ()

    def restart(self) -> None:
        """Lines were taken away from the recording: the tracer reports each of them anyhow."""

    def stop(self) -> None:
        """Remove every trace of tracing from threads and frames; what was recorded stays."""
        if self._left:
            return
        self._fork_callbacks.remove(self._leave_child)
        self._stopping = True  # from here on `_enter` only leaves
        self._wake.release()
        while self._watching:
            self._pause(0.001)
        if self._greenlets is not None:
            self._greenlets.end()
        # a thread on its way through `_enter` is about to install a tracer, or the hook in `_should_trace`
        settled = wait_until_left(self._callback_codes, self._pause)
        set_thread_hook(self._entry, None)
        mine = self._mine()
        while mine:
            self._threads.remove(mine)
            mine = self._mine()
        self._threads.unforce_tracing()
        clear_running(self._is_mine)
        clear_suspended(self._is_mine, self._pause)
        self._tracers.stop()
        if settled:
            self._tracers.clear()
        # else a thread is still inside a tracer, which therefore has to stay: with it this object does

    # ---- in the target's threads ----

    def _enter(self, frame: FrameType, event: str, arg: Any) -> None:
        """The first event of a thread: install a tracer of its own and show it the frames that are running."""
        self._claims.raise_pending()
        front = sys.gettrace()
        current = behind(front)
        # another tool has come to this thread since we marked the frame
        if behind_breakpoint(front) is not self._entry:
            frame.f_trace = current if id(current) in self._tracers.by_id else None
            if frame.f_trace is not None:  # the debugger, which does not take the thread
                current(frame, event, arg)
            return
        if front is not current:
            sys.settrace(current)
        if self._stopping:
            sys.settrace(None)
            return
        frames = []
        caller: FrameType | None = frame
        while caller is not None:
            frames.append(caller)
            caller = caller.f_back
        if frames[-1].f_code.co_filename.startswith("<live-attach>"):  # a thread of the agent
            sys.settrace(None)
            return
        try:
            tracer = self._new_tracer()
            tracer.start()
            while frames:
                entered = frames.pop()
                # Before 3.10 the line number of a traced frame is what tracing made it. This assignment brings it up to
                # date (Objects/frameobject.c, frame_settrace), the tracer's own does not.
                entered.f_trace = tracer
                tracer(entered, "call", None)
                if entered is not frame or event != "call":
                    self._show_line(tracer, entered)
            if self._greenlets is not None:
                self._greenlets.entered(tracer)
            if event != "call":
                tracer(frame, event, arg)
            if front is not current:
                stand_in_front(front)
        except BaseException:
            self._give_up(frame)
            raise

    def _show_line(self, tracer: Any, frame: FrameType) -> None:
        """Make the tracer start the next arc at the line where this frame is, if it does not.

        From Python 3.11 on it tells a frame that begins from one that goes on by the argument of the instruction it is
        at, 0 for one that begins. This one does not begin, but its instruction may have a 0: the tracer takes the next
        line for the first one of the function. The line where we are is shown to it as that first line, which did not
        happen either, but that step we can take back.
        """
        code = frame.f_code
        lines = self._recording.by_code_name.get(code.co_filename)
        if sys.version_info < (3, 11) or not self._recording.branch or lines is None or frame.f_lineno is None:
            return
        if code.co_code[frame.f_lasti + 1] == 0:
            first = self._recording.arc(-code.co_firstlineno, frame.f_lineno)
            happened = first in lines
            tracer(frame, "line", None)
            if not happened:
                lines.discard(first)

    def _give_up(self, frame: FrameType) -> None:
        """A signal handler of the target has raised an exception in our code, which is meant for the code below.

        It must come out there. But then the tracer's stack has one frame too many or too few, and it would take lines
        of one file for those of another: so it ends here, and the thread comes to `_enter` again.
        """
        tracer = self._tracers.by_id.get(id(behind(sys.gettrace())))
        sys.settrace(self._entry)
        if tracer is not None:
            tracer.stop()
        if self._greenlets is not None:
            self._greenlets.forget_current()
        traced: FrameType | None = frame
        while traced is not None:
            traced.f_trace = self._entry
            traced = traced.f_back

    def _new_tracer(self) -> Any:
        return self._tracers.new()

    def _should_trace(self, filename: str, frame: FrameType) -> Any:
        """A tracer asks about a file that none of them has seen yet."""
        try:
            return self._decide(filename, frame)
        except BaseException:
            self._give_up(frame)
            raise

    def _decide(self, filename: str, frame: FrameType) -> Any:
        # New files mean imports, perhaps of threading: its first threads shall not have to wait for the watcher.
        if not self._stopping:
            set_thread_hook(None, self._entry)
        if self._greenlets is None and greenlets.is_being_imported(frame):
            self._greenlet_comes()
        try:
            claimed = self._claims.claim(filename, frame, self._tracers.disposition)
            if claimed is not None:
                return claimed
            lines = self._recording.lines_of(filename, frame.f_globals)
        except RecursionError:
            self._undecided.append(filename)
            return self._tracers.left_out
        return self._tracers.left_out if lines is None else self._tracers.disposition(filename, True)

    def _greenlet_comes(self) -> None:
        """The program imports greenlet in this thread, and nobody has switched yet: follow each switch from here on."""
        self._greenlet_is_coming = True
        module = greenlets.load()
        if module is None:
            return
        following = self._follow_greenlets(module)
        current = sys.gettrace()
        # the tracers of the other threads do not know their greenlets: they begin anew
        self._threads.replace(self._mine(), self._entry)
        this = sys._getframe()
        for stack in current_stacks().values():
            for frame in () if this in stack else stack:
                if frame.f_trace is None or self._is_mine(frame.f_trace):
                    frame.f_trace = self._entry
        following.entered(current)

    # ---- in the agent's threads ----

    def _follow_greenlets(self, module: Any) -> greenlets.Greenlets:
        following = greenlets.Greenlets(module, self._native, self._entry, self._is_mine)
        self._callback_codes |= following.codes
        self._greenlets = following
        return following

    def _refuse_other_tracers(self) -> None:
        refuse_debugger(self._threads.trace_objects())
        for _ in range(GRACE_ROUNDS):
            found = self._others()
            if not found:
                return
            self._pause(0.005)
        raise AgentError("tracer-busy", "another tracer is active: %s" % ", ".join(sorted(map(name_of, found))))

    def _reach_threads(self) -> None:
        """Have every thread that is not traced come to `_enter`."""
        if not self._threads.install(self._entry):
            return
        # new frames come to it by their call, those that are running by the trace function of the frame
        for stack in current_stacks().values():
            for frame in stack:
                if frame.f_trace is None or self._is_left_behind(frame.f_trace):
                    frame.f_trace = self._entry

    def _is_left_behind(self, item: Any) -> bool:
        """Is this a tracer that does not trace its thread any more, since another tool did meanwhile?

        One of ours has lost its way; a stopped one of coverage.py would end the tracing.
        """
        return self._is_mine(item) or type(item).__name__ == "CTracer"

    def _start_watcher(self) -> None:
        self._watching = True
        try:
            self._native(_thread, "start_new_thread", "start_new")(self._watch, ())
        except RuntimeError as error:
            self._watching = False
            raise AgentError("no-thread", "the process cannot start one more thread: %s" % error) from None

    def _watch(self) -> None:
        """Look after what no hook tells us, until `stop`."""
        try:
            while not self._wake.acquire(True, POLL_SECONDS):
                try:
                    set_thread_hook(None, self._entry)  # threading may have been imported since
                    self.verify()
                    self._reach_threads()
                    self._tidy()
                except Exception:  # no memory, or what an audit hook raises: later, perhaps
                    continue
        finally:
            self._watching = False

    def verify(self) -> None:
        """Note in the recording who has taken threads from us, and whether greenlets were switched unnoticed."""
        if self._greenlets is None:
            unnoticed = greenlets.is_loaded() and not self._greenlet_is_coming
        else:
            unnoticed = self._greenlets.went_unnoticed()
        self._recording.others.update(name_of(item) for item in self._others())
        if unnoticed:
            self._recording.spoiled = "it has switched greenlets unnoticed, and lines may be in the wrong files"

    def _tidy(self) -> None:
        while self._undecided:
            self._tracers.forget(self._undecided.pop())
        self._tracers.tidy()

    def _others(self) -> list[Any]:
        """What traces threads, or will, and is not ours."""
        found = map(behind, (*self._threads.trace_objects(), thread_hook()))
        return [item for item in found if item is not None and not self._is_mine(item)]

    def _mine(self) -> list[Any]:
        return [item for item in self._threads.trace_objects() if self._is_mine(item)]

    def _is_mine(self, item: Any) -> bool:
        """Is this trace function one of ours?"""
        return item is self._entry or id(item) in self._tracers.by_id
