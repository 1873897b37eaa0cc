"""pdb for a thread of a live server: any class derived from ``pdb.Pdb``, made harmless.

What stock pdb does to a process that it started itself would hurt one that somebody else runs: it raises BdbQuit in
the debugged code, replaces ``sys.stdout`` for all threads while it evaluates, installs a handler for SIGINT, reads
the ``.pdbrc`` of whoever runs the server, leaves its trace function behind, and restarts the program when asked to.
"""

from __future__ import annotations

import sys

from ...interrupts import Interrupts
from ..breakpoints.postmortem import chain, subject, visible
from .evaluation import OWN_FILES, WithoutReadline, evaluating
from .foreign import OperatorInterrupt
from .tables import Tables
from .tracing import Tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from ..session import Session

MOST_COMPLETIONS = 200


def live(base: type[Any], modules: dict[str, Any]) -> type[Any]:
    """The class of a session's debugger: what `base` shows is shown, what it does to the process is not done."""
    safe = evaluating(base, modules)
    tables = Tables(modules["bdb"].Breakpoint)
    format_exception_only = modules["traceback"].format_exception_only

    class LivePdb(safe):  # type: ignore[misc,valid-type]
        def __init__(self, session: Session) -> None:
            self.session = self.own_session = session
            #: one object, not a new one at each look: it is compared by identity
            self.trace_dispatch = self._dispatch
            self.tracing = Tracing(self.trace_dispatch)
            #: the operator wants to go on, not to step
            self.going = False
            #: prompts so far
            self.prompts = 0
            #: the line where a step has ended and an armed breakpoint is about to tell of the same event
            self.told: tuple[FrameType, int] | None = None
            self.tables = tables
            #: where the breakpoint of a function is, by where its definition begins
            self.moved: dict[tuple[str, int], int] = {}
            #: what was raised where the thread is stopped
            self.exception: BaseException | None = None
            self.depth = 0
            #: the names of modules in which there are convenience variables; Python 3.12 and later
            self.convenient: list[dict[str, Any]] = []
            super().__init__(
                stdin=session.dialogue.console, stdout=session.dialogue.console, nosigint=True, readrc=False
            )
            self.use_rawinput = 0
            self.pyrepl_input = None
            self.colorize = session.options["color"]  # Python 3.14 and later
            self.prompt = "(Pdb) "
            self.quitting = False

        # ---- the way in and out ----

        def park(self, frame: FrameType, exception: BaseException | None, number: int) -> Any:
            """Show the prompt at this frame; returns what traces the frame from here on.

            `number` is the breakpoint's, or 0. Nothing comes out of this but what a signal handler of the program has
            raised meanwhile, which is meant for the code below.
            """
            with tables:
                try:
                    if not self.tracing.active:
                        self.reset()
                        self.botframe = outermost(frame)
                    self.currentbp = number
                    if exception is None:
                        self.user_line(frame)
                    else:
                        self._show_exception(frame, exception)
                except BaseException as error:  # a fault in --pdbcls, in pdb, or here
                    self.session.failed(error)
            return self._go_on(frame)

        def _show_exception(self, frame: FrameType, exception: BaseException) -> None:
            self.message(format_exception_only(type(exception), exception)[-1].strip())
            self.exception = exception
            try:
                self.interaction(frame, subject(exception))
            finally:
                self.exception = None

        def _go_on(self, frame: FrameType) -> Any:
            """After a prompt: trace this thread if the operator steps, else leave it as it was."""
            session = self.session
            if self.going or session.ended:
                while self.convenient:
                    self.convenient.pop().pop("__pdb_convenience_variables", None)
                self.tracing.end(frame)
                session.breakpoints.mark_stack(frame)
                session.left()
                foreign, session.foreign = session.foreign, None
                if foreign is not None:
                    raise foreign
                return frame.f_trace
            session.stepping()
            self.tracing.begin(frame)
            return self.trace_dispatch

        def _dispatch(self, frame: FrameType, event: str, arg: Any) -> Any:
            """The trace function of a thread that steps."""
            session = self.session
            if not self.tracing.active or session.stopped_in() != session.ident():
                # kept by the state of another greenlet, or copied to another thread by the program
                if sys.gettrace() is self.trace_dispatch:
                    sys.settrace(None)
                return None
            prompts = self.prompts
            local = self.tracing.chain(frame, event, arg)
            if prompts != self.prompts:  # an armed breakpoint of this very line, before Python 3.12
                return local if not self.tracing.active else self.trace_dispatch
            wanted = None
            if frame.f_code.co_filename[:13] != OWN_FILES and not session.ended:
                told = self.told = (frame, frame.f_lineno) if session.points.will_tell(frame, event) else None
                with tables:
                    try:
                        wanted = safe.trace_dispatch(self, frame, event, arg)
                    except BaseException as error:
                        session.failed(error)
                if told is not None and (
                    prompts == self.prompts or session.ended or not session.points.will_tell(frame, event)
                ):
                    self.told = None
            if self.going or session.ended or (event == "return" and frame.f_back is None and not suspends(frame)):
                self.going = True
                return self._go_on(frame)
            if event == "call":
                return self.tracing.entered(frame, wanted is not None)
            return self.trace_dispatch

        #: what is traced behind it, for who looks at the threads of the process
        _dispatch.live_attach = lambda debugger: debugger.tracing.before  # type: ignore[attr-defined]

        # ---- what pdb and bdb do on their way ----

        def interaction(self, frame: FrameType, traceback: Any, *more: Any) -> None:
            self.going = False
            self.prompts += 1
            self.session.before_prompt(frame)
            try:
                self.converse(frame, traceback, *more)
            finally:
                self.session.after_prompt()

        def set_convenience_variable(self, frame: FrameType, name: str, value: object) -> None:
            """pdb keeps ``$_frame`` and the like among the names of the program's modules: only until it goes on."""
            super().set_convenience_variable(frame, name, value)
            if not any(names is frame.f_globals for names in self.convenient):
                self.convenient.append(frame.f_globals)

        def converse(self, frame: FrameType, traceback: Any, *more: Any) -> None:
            """The prompt itself, as pdb has it."""
            super().interaction(frame, traceback, *more)

        def _set_stopinfo(
            self, stopframe: Any, returnframe: Any, stoplineno: int = 0, *more: Any, **named: Any
        ) -> None:
            super()._set_stopinfo(stopframe, returnframe, stoplineno, *more, **named)
            self.going = stoplineno == -1 and stopframe is self.botframe

        def set_continue(self) -> None:
            self._set_stopinfo(self.botframe, None, -1)
            self.going = True

        def set_quit(self) -> None:
            self.session.close("quit")
            self.set_continue()

        def break_here(self, frame: FrameType) -> bool:  # breakpoints are not found by tracing
            return False

        def break_anywhere(self, frame: FrameType) -> bool:
            return False

        def set_break(
            self, filename: str, lineno: int, temporary: bool = False, cond: Any = None, funcname: Any = None
        ) -> Any:
            filename = self.canonic(filename)
            line = self.session.points.first_line(filename, lineno)
            if line != lineno:  # where a definition begins its function is meant
                self.moved[filename, lineno], lineno = line, line
            problem = self.session.points.arm(filename, lineno)
            return problem or super().set_break(filename, lineno, temporary, cond, None)

        def get_breaks(self, filename: str, lineno: int) -> Any:
            return super().get_breaks(filename, self.moved.get((self.canonic(filename), lineno), lineno))

        def add_breakpoint(self, filename: str, line: int, temporary: bool, condition: str | None) -> Any:
            """In the tables only; it is armed already."""
            filename = self.canonic(filename)
            self.breaks.setdefault(filename, [])
            if line not in self.breaks[filename]:
                self.breaks[filename].append(line)
            return modules["bdb"].Breakpoint(filename, line, temporary, condition, None)

        def forget_breakpoint(self, breakpoint: Any) -> None:
            """A temporary one that was hit."""
            with tables:
                self.clear_bpbynumber(breakpoint.number)

        def abandon(self) -> None:
            """In a forked child, to which the stopped thread has not come along."""
            tables.abandon()
            if self.hooked is not None and sys.displayhook is self.hooked[0]:
                sys.displayhook = self.hooked[1]

        # ---- for the operator's editor ----

        def command_names(self) -> tuple[str, ...]:
            return tuple(sorted({name[3:] for name in dir(self) if name[:3] == "do_"} | set(self.aliases)))

        def completions(self, text: str, line: str, begin: int, end: int) -> tuple[str, ...]:
            """What the word `text` of `line` may become."""
            found: list[str] = []
            if begin == 0:
                found += self.completenames(text, line, begin, end)
                complete = self._complete_expression
            else:
                command = self.parseline(line)[0]
                complete = getattr(self, "complete_%s" % command, None) or self._complete_expression
            found += complete(text, line, begin, end) or ()
            return tuple(sorted({name for name in found if type(name) is str})[:MOST_COMPLETIONS])

        # ---- commands ----

        def onecmd(self, line: str) -> Any:
            """One command, during which Ctrl-C interrupts it, and nothing else."""
            interrupts = Interrupts(OperatorInterrupt)
            try:
                try:
                    self.session.dialogue.evaluating(interrupts)
                    interrupts.begin(self.session.thread_ident())
                    return super().onecmd(line)
                finally:
                    interrupts.end()
                    self.session.evaluated(self.breaks)
            except KeyboardInterrupt:
                interrupts.finish()
                self.session.evaluated(self.breaks)
                self.message("*** KeyboardInterrupt")
                return bool(self.session.ended)
            except (Exception, SystemExit) as error:  # a fault of the command, or exit() in "interact"
                self.error(format_exception_only(type(error), error)[-1].strip())
                return bool(self.session.ended)

        def do_quit(self, _arg: str) -> bool:
            """q(uit) | exit | detach
            End the session; the program goes on.
            """
            self.set_quit()
            return True

        do_q = do_exit = do_detach = do_quit

        def do_EOF(self, _arg: str) -> bool:
            """EOF
            The operator has left: as quit.
            """
            self.session.close("EOF")
            self.set_continue()
            return True

        def do_pp(self, arg: str) -> None:
            """pp expression
            Pretty-print the value of the expression, as wide as the operator's terminal.
            """
            try:
                value = self._getval(arg)
            except Exception:  # told already
                return
            self.message(modules["pprint"].pformat(value, width=max(20, self.session.options["width"] - 1)))

        def do_debug(self, arg: str) -> None:
            """debug code
            Step through the code, in a debugger of its own, in the environment of the frame.
            """
            with WithoutReadline():
                nested = safe(stdin=self.stdin, stdout=self.stdout, nosigint=True, readrc=False)
            nested.own_session = self.session
            nested.use_rawinput = 0
            nested.pyrepl_input = None
            nested.prompt = "(%s) " % self.prompt.strip()
            self.message("ENTERING RECURSIVE DEBUGGER")
            traced = sys.gettrace()
            self.depth += 1
            try:
                sys.settrace(None)
                frame = self.curframe
                sys.call_tracing(nested.run, (arg, frame.f_globals, frame.f_locals))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.error(format_exception_only(type(error), error)[-1].strip())
            finally:
                self.depth -= 1
                sys.settrace(traced)
            self.message("LEAVING RECURSIVE DEBUGGER")
            self.lastcmd = nested.lastcmd

        def earlier_exceptions(self, arg: str) -> None:
            """exceptions [number]
            List what has led to the exception, the first cause first, or go to where one of them was raised.
            """
            links = chain(self.exception) if self.exception is not None else []
            if not arg:
                for number, link in enumerate(links):
                    mark = ">" if link is self.exception else " "
                    self.message("%s %3d %s" % (mark, number, format_exception_only(type(link), link)[-1].strip()))
            elif not arg.isdigit() or int(arg) >= len(links):
                self.error("there is no exception %s" % arg)
            elif links[int(arg)].__traceback__ is None:
                self.error("this exception was not raised")
            else:
                self.setup(None, visible(links[int(arg)].__traceback__))
                self.print_stack_entry(self.stack[self.curindex])

    if not hasattr(base, "do_exceptions"):  # before Python 3.13
        LivePdb.do_exceptions = LivePdb.earlier_exceptions
    return LivePdb


def outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def suspends(frame: FrameType) -> bool:
    """Whether its "return" may be a yield: CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR."""
    return bool(frame.f_code.co_flags & (0x20 | 0x80 | 0x200))
