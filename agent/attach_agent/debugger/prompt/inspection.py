"""pdb on the frames of a thread that runs on: a picture of one moment, to be read at a prompt.

Real frames would not do: their lines change under pdb, and before Python 3.13 to ask one for its variables writes to it
(``looking.frames``). So pdb gets copies, with copies of the variables, and runs in a thread of ours.
"""

from __future__ import annotations

import _thread
import sys

from ...errors import AgentError
from ...looking.frames import locals_of
from ...shell.awaiting import run_in_loop
from ...stacks import current_places
from ...streams import STREAMS, stand_ins
from ..capture.thread_streams import ThreadStreams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from ..session import Session

_OWN = "<live-attach>"

#: pdb's commands, by the reason that they are refused for.
_RESUMING = ("step", "s", "next", "n", "until", "unt", "return", "r", "continue", "cont", "c", "jump", "j")
_ARMING = ("break", "b", "tbreak", "clear", "cl", "disable", "enable", "ignore", "condition", "commands")
_NOT_STOPPED = "the thread was not stopped, so it cannot be resumed: it runs on.  refresh  looks at it again"
_NOTHING_STOPS = "nothing is stopped here: breakpoints need  attach PID debug  without --inspect"


class PictureFrame:
    """What pdb asks of a frame, as it was in one moment."""

    f_trace = None
    f_trace_lines = True
    f_trace_opcodes = False

    def __init__(self, frame: Any, code: CodeType, line: int | None, back: PictureFrame | None) -> None:
        self.f_code = code
        self.f_lineno = line or 0
        self.f_lasti = 0
        self.f_back = back
        self.f_globals = frame.f_globals
        self.f_builtins = frame.f_builtins
        self.f_locals = locals_of(frame)


def frame_of(ident: int) -> PictureFrame:
    """The innermost frame of this thread now. AgentError if it has ended, or its variables cannot be read here."""
    places = current_places().get(ident)
    if places is None:
        raise AgentError("no-such-thread", "the thread has ended")
    ours = [at for at, (_, (code, _)) in enumerate(places) if code.co_filename.startswith(_OWN)]
    found: PictureFrame | None = None
    for frame, (code, line) in reversed(places[ours[-1] + 1 :] if ours else places):
        found = PictureFrame(frame, code, line, found)
    if found is None:
        raise AgentError("no-such-thread", "this thread runs nothing of the program")
    return found


def inspecting(live: type[Any]) -> type[Any]:
    """`live`, the class of a session's debugger, for frames of a thread that runs on."""
    inspect = sys.modules["inspect"]  # pdb has imported it

    class Inspecting(live):  # type: ignore[misc]
        def inspect(self, frame: PictureFrame) -> None:
            """Show the prompt, until the operator leaves."""
            self.reset()
            self.converse(frame, None)

        def set_convenience_variable(self, *_: Any) -> None:
            """It would be a name in the program's modules."""

        def awaited(self, code: Any, module_globals: dict[str, Any], names: Any) -> Any:
            """In the loop, which runs on."""
            return run_in_loop(code, module_globals, self.session.note, self.session.debugger.new_lock, names)

        def do_refresh(self, arg: str) -> None:
            """refresh [thread]
            Look at the thread again, or at another one, by its name or id.
            """
            try:
                frame = self.session.inspection.look(arg.strip())
            except AgentError as error:
                self.error(error.message)
                return
            self.setup(frame, None)
            self.print_stack_entry(self.stack[self.curindex])

        def do_longlist(self, _arg: str) -> None:
            """ll | longlist
            List the whole source code for the current function or frame.
            """
            code = self.curframe.f_code
            try:
                lines, first = inspect.findsource(code)
                if code.co_name != "<module>":
                    lines, first = inspect.getblock(lines[first:]), first + 1
                else:
                    first = 1
            except (OSError, TypeError) as error:
                self.error(str(error))
                return
            self._print_lines(lines, first, (), self.curframe)

        do_ll = do_longlist

    def refuse(name: str, text: str) -> None:
        def do(self: Any, _arg: str) -> None:
            self.error(text)

        do.__doc__ = "%s\n        Not here: %s." % (name, text)
        setattr(Inspecting, "do_%s" % name, do)

    for names, text in ((_RESUMING, _NOT_STOPPED), (_ARMING, _NOTHING_STOPS)):
        for name in names:
            refuse(name, text)
    return Inspecting


class Inspection:
    """The prompt of a session that stops nothing. `thread` is ours, as all that the operator evaluates."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ident = 0
        self._own = 0
        importer = session.debugger.importer
        self._stand_ins = stand_ins(importer)
        self._start = importer.native(_thread, "start_new_thread", "start_new")
        lock = importer.native(_thread, "allocate_lock", "allocate")
        self._known = lock()
        self._known.acquire()

    def look(self, wanted: str) -> PictureFrame:
        """The frames of a thread, of the same as before if `wanted` is empty; the operator is told which."""
        debugger = self._session.debugger
        ident = debugger.find_thread(wanted) if wanted or not self._ident else self._ident
        frame = frame_of(ident)
        self._ident = ident
        name = debugger.thread_name(ident)
        self._session.put("looking", name, frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        return frame

    def begin(self, wanted: str) -> None:
        """AgentError if there is no such thread, or none of ours can be started."""
        frame = self.look(wanted)
        try:
            self._own = self._start(self.thread, (frame,))
        except RuntimeError as error:
            raise AgentError("no-thread", "the process cannot start one more thread: %s" % error) from None
        self._session.inspected_by(self._own)
        self._known.release()

    def thread_name(self) -> str:
        return self._session.debugger.thread_name(self._ident)

    def thread(self, frame: PictureFrame) -> None:
        """Our thread."""
        self._known.acquire()
        session = self._session
        tid = _thread.get_native_id()
        session.threads.add(tid)
        streams = ThreadStreams(self._stand_ins, session.ident, session.dialogue.write)
        try:
            self._stand_ins.place(self, STREAMS)
            streams.stopped(session.dialogue.console.readline)
            session.pdb.inspect(frame)
            session.close("quit")
        except BaseException as error:  # of a class of the operator's
            session.failed(error)
        finally:
            del frame
            session.pdb.forget()  # the copies of the variables
            streams.leave()
            self._stand_ins.remove(self)
            session.inspected_by(0)
            session.threads.discard(tid)
