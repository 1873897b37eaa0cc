"""One debugger session: an operator, what stops a thread, the thread that is stopped, and the way back."""

from __future__ import annotations

import posix
import sys
import time

from ..errors import AgentError
from ..interrupts import Interrupts
from .awaiting import awaiting
from .breakpoints import Breakpoints
from .breakpoints.conditions import Conditions
from .breakpoints.logpoints import Logpoint
from .capture import Capture
from .console import LOOK, Console
from .foreign import OperatorInterrupt, is_of_program
from .inspection import Inspection, inspecting
from .joining import Joining
from .live_pdb import live
from .mailbox import Mailbox
from .stopping import Stopping
from .watchdogs import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from .debugger import Debugger

#: Texts that wait to be fetched, in characters: who prints more waits, as long as the operator is there.
MOST_WAITING = 1 << 22
#: Events that one answer carries.
MOST_EVENTS = 500
#: Longest time that a completion may take, in seconds.
COMPLETING = 2.0
#: One text of an answer, in characters, about; and how long the beginning of a line is kept back, in seconds.
LONGEST_TEXT = 1 << 16
HOLD = 0.05

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
        self.events = Mailbox(debugger.new_lock)
        self._waiting_text = 0
        self._lines = Mailbox(debugger.new_lock)
        self._over = debugger.new_lock()
        self._over.acquire()
        self.console = Console(self)
        #: held by the thread that is stopped or steps
        self._turn = debugger.new_lock()
        self._turn_of = self._last = 0
        self._stopped_at = self._stopped_seconds = 0.0
        self._why = ""
        self._interrupts: Any = None
        #: several of our threads may interrupt; the stopped one never takes this
        self._interrupting = debugger.new_lock()
        self._pid = posix.getpid()
        self._tell_commands = True
        self._held = ""
        self._stuck = False
        #: how often a thread came to a breakpoint while another one was stopped
        self.passed_by = 0
        #: what a signal handler of the program raised while its thread was stopped
        self.foreign: BaseException | None = None
        self._armed: set[tuple[str, int]] = set()
        self.inspection: Inspection | None = None

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
        self.conditions = Conditions(self.note)
        self.logpoint = Logpoint(options["log"], options["max_hits"], options["rate"]) if options["log"] else None
        self.stopping = Stopping(importer, self.debugger.pause)
        self.breakpoints = Breakpoints(importer, self.debugger.pause, self.on_line, self.on_exception)
        self.breakpoints.on_function = self.function_armed
        self.capture = Capture(importer, self.ident, self.write, self.console)
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
            self._break(filename, line, condition, hits, once)
        for text in options["functions"]:
            self._break_function(text)
        if options["exception"]:
            self.breakpoints.arm_exceptions(options["exception"])
        slow = self.breakpoints.expected_slowdown()
        if slow:
            self.note(slow)
        if not (options["breaks"] or options["functions"] or options["exception"]):
            self.stop_thread(options["thread"])

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
        """An event for the operator. Text waits while too much of it has not been fetched, if a prompt is shown."""
        if kind in ("out", "err"):
            while self._waiting_text > MOST_WAITING and not self.ended and self.state in (STOPPED, INSPECTING):
                self.debugger.pause(0.02)
            if self._waiting_text > MOST_WAITING:
                return
            self._waiting_text += len(values[0])
        self.events.put((kind, *values))

    def write(self, stream: int, data: bytes) -> None:
        """What the stopped thread prints, 1 for stdout and 2 for stderr."""
        text = data.decode("utf-8", "backslashreplace")
        if stream == 1:
            self.console.write(text)
        else:
            self.put("err", text)

    def note(self, text: str) -> None:
        """A line of ours for the operator."""
        self.put("note", text)

    def close(self, reason: str) -> None:
        """From here on nothing stops any more, and what is stopped goes on. Any thread, any number of times."""
        if not self.ended:
            self.ended = reason
        self._lines.wake()
        self.events.wake()
        try:
            self._over.release()
        except RuntimeError:  # released already
            pass

    def failed(self, error: BaseException) -> None:
        """A fault of ours, of pdb or of the operator's class: the program does not see it."""
        if type(error) is KeyboardInterrupt or is_of_program(error):
            self._keep_foreign(error)
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
            self._keep_foreign(error)

    def end_by(self, error: BaseException | None) -> None:
        """A task of the program has raised what ends the program."""
        assert error is not None
        self._keep_foreign(error, "a task")

    def _keep_foreign(self, error: BaseException, what: str = "a signal handler") -> None:
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
            found = self._effective(frame)
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

    def _effective(self, frame: FrameType) -> Any:
        """The breakpoint that says this line is to stop at, as bdb.effective; a condition that fails is false."""
        with self.pdb.tables:
            key = self._key(frame)
            tables = self.modules["bdb"].Breakpoint.bplist
            for breakpoint in list(tables.get(key, ())):
                if not breakpoint.enabled:
                    continue
                if breakpoint.cond and not self.conditions.evaluate(breakpoint.cond, frame):
                    continue
                breakpoint.hits += 1
                if breakpoint.ignore > 0:
                    breakpoint.ignore -= 1
                    continue
                return breakpoint
        return None

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
        if self.inspection is not None:  # nothing has stopped
            return
        self.state = STOPPED
        self._stopped_at = time.monotonic()
        code = frame.f_code
        names = self.debugger.thread_name(self._turn_of)
        self.put("stopped", names, self._turn_of, code.co_filename, frame.f_lineno or 0, code.co_name, self._why)
        self._why = "step"
        self.capture.suspend(frame)
        self.watchdog.stopped()

    def after_prompt(self) -> None:
        if self.inspection is not None:
            return
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

    def ask(self, prompt: str) -> str:
        """In the stopped thread: the operator's next line; "" at the end of the session."""
        if self._tell_commands:
            self._tell_commands = False
            self.put("prompt", prompt, self.pdb.command_names())
        else:
            self.put("prompt", prompt, ())
        self.watchdog.asked()
        try:
            while not self.ended:
                try:
                    item = self._lines.take() if self._lines.wait(LOOK) else None
                    if item is None:
                        self.debugger.look_after(self)
                    elif item[0] == "line":
                        return str(item[1])
                    else:
                        self._complete(*item[1:])
                except OperatorInterrupt:
                    if self._interrupts is not None:  # of a command that asks for more
                        raise
        except OperatorInterrupt:
            raise
        except BaseException as error:  # a signal handler of the program has raised what is meant for its own code
            self._keep_foreign(error)
        finally:
            self.watchdog.answered()
        return ""

    def _complete(self, arguments: tuple[Any, ...], reply: Mailbox) -> None:
        names: tuple[str, ...] = ()
        interrupts = Interrupts(OperatorInterrupt)
        try:
            try:
                self._interrupts = interrupts
                interrupts.begin(self._turn_of)
                names = self.pdb.completions(*arguments)
            finally:
                interrupts.end()
                self._interrupts = None
        except KeyboardInterrupt:
            interrupts.finish()
            self._interrupts = None
        except Exception:  # of a property, for instance
            pass
        reply.put(names)

    def evaluating(self, interrupts: Any) -> Any:
        """From now on `interrupts` are what Ctrl-C of the operator sends to; returns what they were."""
        before, self._interrupts = self._interrupts, interrupts
        return before

    def evaluated(self, _interrupts: Interrupts, breaks: dict[str, Any]) -> None:
        self._interrupts = None
        if posix.getpid() != self._pid:  # a child that the operator's code has forked: nothing else runs in it
            posix._exit(0)
        self._disarm_all_but({(file, line) for file in list(breaks) for line in list(breaks[file])})

    # ---- breakpoints ----

    def _break(self, filename: str, line: int, condition: str, hits: int, once: bool) -> None:
        """One of the operator's options; AgentError if it cannot be."""
        filename, line = self.breakpoints.place(filename, line)
        self.breakpoints.arm(filename, line)
        self._add(filename, line, condition, hits, once)

    def _break_function(self, text: str) -> None:
        module, _, qualname = text.partition(":")
        place = self.breakpoints.arm_function(module, qualname)
        if place is not None:
            self.function_armed(*place)
        else:
            self.note("module %s is not there yet: %s stops when it is called" % (module, text))

    def function_armed(self, filename: str, line: int) -> None:
        self._add(filename, line, "", 0, False)

    def _add(self, filename: str, line: int, condition: str, hits: int, once: bool) -> None:
        """Into pdb's tables, so that its commands know it."""
        self._armed.add((self.pdb.canonic(filename), line))
        with self.pdb.tables:
            breakpoint = self.pdb.add_breakpoint(filename, line, once, condition or None)
            breakpoint.ignore = max(hits - 1, 0)
        self.note("breakpoint %d at %s:%d" % (breakpoint.number, filename, line))

    def arm(self, filename: str, line: int) -> str:
        """Returns why not, if it cannot be."""
        try:
            self.breakpoints.arm(filename, line)
        except AgentError as error:
            return error.message
        self._armed.add((self.pdb.canonic(filename), line))
        return ""

    def first_line(self, filename: str, line: int) -> int:
        """Of the function that begins there, the first line of its body."""
        return int(self.breakpoints.first_line(filename, line))

    def _disarm_all_but(self, wanted: set[tuple[str, int]]) -> None:
        for filename, line in self._armed - wanted:
            self._armed.discard((filename, line))
            self.breakpoints.disarm(filename, line)

    def will_tell(self, frame: FrameType, event: str) -> bool:
        """Whether an armed breakpoint is about to tell of this line too."""
        return event == "line" and sys.version_info >= (3, 12) and bool(self._armed) and self._key(frame) in self._armed

    def _key(self, frame: FrameType) -> tuple[str, int]:
        """What this line is called in pdb's tables, and in `_armed`."""
        return self.pdb.canonic(self.breakpoints.armed_as(frame.f_code.co_filename)), frame.f_lineno or 0

    # ---- in our threads ----

    def status(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("operator", self.options["operator"]),
            ("state", self.state),
            ("since", self.since),
            ("thread", self._thread_name()),
            ("stopped_seconds", self.stopped_seconds()),
            ("breakpoints", tuple(sorted(self._armed))),
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

    def feed(self, text: str) -> None:
        self._lines.put(("line", text if text.endswith("\n") else text + "\n"))

    def interrupt(self) -> str:
        """KeyboardInterrupt in the operator's evaluation; "idle" if there is none, else why it cannot be, or ""."""
        with self._interrupting:
            interrupts = self._interrupts
            return "idle" if interrupts is None else interrupts.send()

    def complete(self, *arguments: Any) -> tuple[str, ...]:
        if self.state not in (STOPPED, INSPECTING) or self._interrupts is not None:
            return ()
        reply = Mailbox(self.debugger.new_lock)
        self._lines.put(("complete", arguments, reply))
        names = reply.take(COMPLETING)
        if names is None:
            self.interrupt()
            return ()
        return tuple(names)

    def read(self, seconds: float) -> tuple[tuple[Any, ...], ...]:
        """What has happened, waited for `seconds` at most; texts of one kind are joined. For one reader.

        The beginning of a line is kept back for a moment: it may be a prompt.
        """
        self.events.wait(min(seconds, HOLD if self._held else 1.0))
        events = self.events.take_all(MOST_EVENTS)
        held, self._held = self._held, ""
        found: list[Any] = [("out", held)] if held else []
        for event in events:
            last = found[-1] if found else ("", "")
            if event[0] in ("out", "err"):
                self._waiting_text -= len(event[1])
                if last[0] == event[0] and len(last[1]) < LONGEST_TEXT:
                    found[-1] = event[0], last[1] + event[1]
                    continue
            elif event[0] == "prompt" and last[0] == "out" and event[1] and last[1].endswith(event[1]):
                found[-1] = "out", last[1][: -len(event[1])]
            found.append(event)
        if events and found[-1][0] == "out":
            text, end, self._held = found[-1][1].rpartition("\n")
            found[-1] = "out", text + end
        return tuple([event for event in found if event != ("out", "")])

    def keep(self) -> None:
        """Our thread: wait for the end, then let the stopped thread go on and take everything back."""
        while not self.ended:
            self._over.acquire(True, 1.0)
        self.stopping.revoke()
        self.breakpoints.close()
        told = time.monotonic() + 1.0
        while self._turn_of:
            self.interrupt()
            self._lines.wake()
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
