"""One debugger session: an operator, what stops a thread, the thread that is stopped, and the way back."""

from __future__ import annotations

import sys
import time

from ..errors import AgentError
from .breakpoints import Breakpoints
from .breakpoints.logpoints import Logpoint
from .capture import Capture
from .dialogue import Dialogue
from .joining import Joining
from .points import Points
from .prompt.awaiting import awaiting
from .prompt.foreign import is_of_program
from .prompt.inspection import Inspection, inspecting
from .prompt.live_pdb import live
from .stopping import Stopping
from .watching.watchdogs import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from .debugger import Debugger

WAITING, STOPPED, RUNNING, CLOSED = "waiting", "stopped", "running", "closed"
INSPECTING = "inspecting"


class Session:
    """From `open` to `close`; `keep` is our thread that ends it.

    In the program's threads run `stop` and what it calls, `on_line`, `on_exception`, `ask`, `put`: there nothing is
    imported, no lock is waited for, and nothing is thrown.
    """

    def __init__(self, debugger: Debugger, number: int, options: dict[str, Any], modules: dict[str, Any]) -> None:
        self.debugger = debugger
        self.number = number
        self.options = options
        self.modules = modules
        self.ident = debugger.ident
        self.threads = debugger.threads
        self.since = time.time()
        self.state = WAITING
        #: why it is over, or ""
        self.ended = ""
        self._over = debugger.new_lock()
        self._over.acquire()
        #: held by the thread that is stopped or steps
        self._turn = debugger.new_lock()
        self._turn_of = self._last = 0
        self._stopped_at = self._stopped_seconds = 0.0
        self._why = ""
        self._stuck = False
        #: how often a thread came to a breakpoint while another one was stopped
        self.passed_by = 0
        #: what a signal handler of the program raised while its thread was stopped
        self.foreign: BaseException | None = None
        self.inspection: Inspection | None = None
        self.dialogue = Dialogue(self)

    # ---- the beginning ----

    def prepare(self, base: type[Any]) -> None:
        """Everything that may fail, before anything of the program is touched."""
        modules, options, importer = self.modules, self.options, self.debugger.importer
        try:
            kind = awaiting(live(base, modules), modules)
            self.pdb = (inspecting(kind) if options["inspect"] else kind)(self)
        except Exception as error:
            text = "%s cannot be made: %s: %s" % (base.__qualname__, type(error).__name__, error)
            raise AgentError("pdbcls", text) from None
        self.pdb.rcLines = list(options["commands"])
        self.logpoint = Logpoint(options["log"], options["max_hits"], options["rate"]) if options["log"] else None
        self.stopping = Stopping(importer, self.debugger.pause)
        self.breakpoints = Breakpoints(importer, self.debugger.pause, self.on_line, self.on_exception)
        self.points = Points(self, self.breakpoints)
        self.capture = Capture(importer, self.ident, self.dialogue.write, self.dialogue.console)
        self.joining = Joining(importer, self)
        self.watchdog = Watchdog(importer, self, options)

    def begin(self) -> None:
        """Arm what the operator wants to stop at; nothing else means the thread, at its next line."""
        options = self.options
        if options["inspect"]:
            self.inspection = Inspection(self)
            self.inspection.begin(options["thread"])
            return
        self.capture.open()
        self.joining.open()
        for filename, line, condition, hits, once in options["breaks"]:
            self.points.add(filename, line, condition, hits, once)
        for text in options["functions"]:
            self.points.add_function(text)
        if options["exception"]:
            self.breakpoints.arm_exceptions(options["exception"])
        if not (options["breaks"] or options["functions"] or options["exception"]):
            self.stop_thread(options["thread"])
            return
        slow = self.breakpoints.expected_slowdown()
        if slow:
            self.note(slow)

    def stop_thread(self, wanted: str) -> str:
        """Have a thread stop at its next line: the one that steps, else `wanted`; why that cannot be, or "".

        With "" the one that was stopped last, at first the one that the options name.
        """
        if self.state == STOPPED:
            return ""
        ident = self._turn_of or (not wanted and self._last) or self.debugger.find_thread(wanted)
        self.stopping.revoke()
        problem = self.stopping.request(ident, self.on_stop)
        if problem:
            self.put("blocked", self.debugger.thread_name(ident), problem, self.debugger.other_threads(ident))
        return problem

    # ---- what both sides use ----

    def put(self, kind: str, *values: Any) -> None:
        """An event for the operator."""
        self.dialogue.put(kind, *values)

    def note(self, text: str) -> None:
        """A line of ours for the operator."""
        self.dialogue.note(text)

    def is_at_prompt(self) -> bool:
        """Whether a thread waits for the operator, or evaluates for it."""
        return not self.ended and self.state in (STOPPED, INSPECTING)

    def close(self, reason: str) -> None:
        """From here on nothing stops any more, and what is stopped goes on. Any thread, any number of times."""
        if not self.ended:
            self.ended = reason
        self.dialogue.wake()
        try:
            self._over.release()
        except RuntimeError:  # released already
            pass

    def failed(self, error: BaseException) -> None:
        """A fault of ours, of pdb or of the operator's class: the program does not see it."""
        if type(error) is KeyboardInterrupt or is_of_program(error):
            self.keep_foreign(error)
            return
        self.close("error")
        try:
            place = ""
            traceback = error.__traceback__
            while traceback is not None:
                place = " (%s:%d)" % (traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
                traceback = traceback.tb_next
            self.note("the debugger failed: %s: %s%s" % (type(error).__name__, error, place))
        except BaseException:  # of its __str__
            self.note("the debugger failed: %s" % type(error).__name__)

    def take_foreign(self, error: BaseException | None) -> None:
        """Of an exception that ended an evaluation: one of a signal handler of the program ends the session."""
        if is_of_program(error):
            assert error is not None
            self.keep_foreign(error)

    def end_by(self, error: BaseException | None) -> None:
        """A task of the program has raised what ends the program."""
        assert error is not None
        self.keep_foreign(error, "a task")

    def keep_foreign(self, error: BaseException, what: str = "a signal handler") -> None:
        """It comes out of the line of the program where the thread is stopped."""
        self.foreign = error
        self.close("%s of the program raised %s" % (what, type(error).__name__))

    # ---- in the program's threads ----

    def on_line(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        """A line with a breakpoint is about to run, in whatever thread."""
        if self.ended:
            return frame.f_trace
        pdb = self.pdb
        told = pdb.told
        if told is not None and told[0] is frame:
            pdb.told = None
            if told[1] == frame.f_lineno:  # a step has stopped here, and maybe it was the last one
                return frame.f_trace
        try:
            found = self.points.effective(frame)
        except Exception as error:  # a fault of ours
            self.failed(error)
            return frame.f_trace
        if found is None:
            return frame.f_trace
        if self.logpoint is not None:
            text = self.logpoint.line(frame)
            if text is not None:
                self.put("out", text + "\n")
            if self.logpoint.is_done:
                self.close("%d lines were logged" % self.logpoint.hits)
            return frame.f_trace
        return self.stop(frame, "breakpoint %d" % found.number, found)

    def on_exception(self, frame: FrameType, exception: BaseException) -> None:
        self.stop(frame, "exception %s" % type(exception).__name__, None, exception)

    def on_stop(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        """The thread that the operator wanted to stop."""
        return self.stop(frame, "stopped")

    def join(self, frame: FrameType, why: str = "breakpoint()") -> bool:
        """The program itself asks for a debugger; False if the session is over. It may pass by, as at a breakpoint."""
        if self.ended:
            return False
        self.stop(frame, why)
        return True

    def stop(self, frame: FrameType, why: str, breakpoint: Any = None, exception: BaseException | None = None) -> Any:
        """Park this thread until the operator lets it go on; returns what traces the frame then.

        One thread at a time: while another one is stopped, or steps, this one passes by.
        """
        here = self.ident()
        if self.ended or (self._turn_of == here and self.pdb.depth):  # in a debugger within the debugger
            return frame.f_trace
        if sys.is_finalizing():  # our threads are no more
            return frame.f_trace
        if self._turn_of != here:
            if not self._turn.acquire(False):
                self.passed_by += 1
                return frame.f_trace
            self._turn_of = self._last = here
        self._why = why
        self.stopping.revoke()
        if breakpoint is not None and breakpoint.temporary:
            self.pdb.forget_breakpoint(breakpoint)
        return self.pdb.park(frame, exception, breakpoint.number if breakpoint is not None else 0)

    def stopped_in(self) -> int:
        """The thread that is stopped or steps, or 0."""
        return self._turn_of

    thread_ident = stopped_in

    def inspected_by(self, ident: int) -> None:
        """Our thread that has the prompt of an inspection; 0 when it has none any more."""
        self.state = INSPECTING if ident else RUNNING
        self._turn_of = ident

    def before_prompt(self, frame: FrameType) -> None:
        self.state = STOPPED
        self._stopped_at = time.monotonic()
        code = frame.f_code
        names = self.debugger.thread_name(self._turn_of)
        self.put("stopped", names, self._turn_of, code.co_filename, frame.f_lineno or 0, code.co_name, self._why)
        self._why = "step"
        self.capture.suspend(frame)
        self.watchdog.stopped()

    def after_prompt(self) -> None:
        self.capture.resume(not (self.pdb.going or self.ended))
        self._stopped_seconds += time.monotonic() - self._stopped_at
        self.state = RUNNING
        self.watchdog.resumed()

    def stepping(self) -> None:
        """The thread goes on to the next prompt."""

    def left(self) -> None:
        """The thread has gone on, and is traced as before."""
        if not self.ended:
            self.note_resumed()
        self._turn_of = 0
        try:
            self._turn.release()
        except RuntimeError:
            pass

    def note_resumed(self) -> None:
        self.put("resumed", time.monotonic() - self._stopped_at)

    def evaluated(self, breaks: dict[str, Any]) -> None:
        """A command of the operator's has come to its end; `breaks` are pdb's breakpoints now."""
        self.dialogue.evaluated()
        self.points.disarm_all_but({(file, line) for file in list(breaks) for line in list(breaks[file])})

    # ---- in our threads ----

    def status(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("operator", self.options["operator"]),
            ("state", self.state),
            ("since", self.since),
            ("thread", self._thread_name()),
            ("stopped_seconds", self.stopped_seconds()),
            ("breakpoints", self.points.all()),
        )

    def _thread_name(self) -> str:
        """Of the thread that is stopped, or looked at."""
        if self.inspection is not None:
            return self.inspection.thread_name()
        return self.debugger.thread_name(self._turn_of) if self._turn_of else ""

    def stopped_seconds(self) -> float:
        """How long threads have been stopped, in all."""
        now = time.monotonic() - self._stopped_at if self.state == STOPPED else 0.0
        return self._stopped_seconds + now

    def in_child(self) -> None:
        """In a forked child, at once."""
        self.close("forked")
        self.breakpoints.after_fork()
        if self._turn_of != self.ident():
            self.pdb.abandon()
        self.dismantle()

    def may_close(self) -> bool:
        """Whether waiting for the end makes sense: not while C code holds the thread."""
        return not self._stuck

    def dismantle(self) -> None:
        """Everything as before, at once: there is no thread of ours to do it."""
        self.breakpoints.close()
        self.stopping.close()
        self.joining.close()
        self.capture.close()
        self.watchdog.closed()
        self.state = CLOSED

    def keep(self) -> None:
        """Our thread: wait for the end, then let the stopped thread go on and take everything back."""
        while not self.ended:
            self._over.acquire(True, 1.0)
        self.stopping.revoke()
        self.breakpoints.close()
        told = time.monotonic() + 1.0
        while self._turn_of:
            self.dialogue.interrupt()
            self.dialogue.wake()
            self.debugger.pause(0.002 if told else 0.1)
            if told and time.monotonic() > told:
                told, self._stuck = 0.0, True
                self.note("the thread is still in a call of C code; it goes on when that returns")
        self.breakpoints.close()  # what traced the thread before pdb stepped through it is back now
        self.stopping.close()
        self.joining.close()
        self.capture.close()
        self.watchdog.closed()
        self.state = CLOSED
        if self.passed_by:
            self.note("breakpoints were passed %d times while a thread was stopped" % self.passed_by)
        self.put("closed", self.ended, self._stopped_seconds)
