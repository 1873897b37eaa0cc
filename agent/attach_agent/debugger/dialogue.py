"""What goes between the operator and the thread that is at a prompt."""

from __future__ import annotations

import posix

from ..interrupts import Interrupts
from ..mailbox import Mailbox
from .prompt.console import LOOK, Console
from .prompt.foreign import OperatorInterrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .session import Session

#: Texts that wait to be fetched, in characters: who prints more waits, as long as the operator is there.
MOST_WAITING = 1 << 22
#: Events that one answer carries.
MOST_EVENTS = 500
#: Longest time that a completion may take, in seconds.
COMPLETING = 2.0
#: One text of an answer, in characters, about; and how long the beginning of a line is kept back, in seconds.
LONGEST_TEXT = 1 << 16
HOLD = 0.05


class Dialogue:
    """Events to the operator, lines and interrupts from there.

    `put`, `write`, `note` and `ask` are called in the program's threads: they import nothing, wait for no lock that
    another thread may hold, and throw nothing but the operator's own interrupt.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        new_lock = session.debugger.new_lock
        self._events = Mailbox(new_lock)
        self._waiting_text = 0
        self._held = ""
        self._lines = Mailbox(new_lock)
        self._tell_commands = True
        self._interrupts: Any = None
        #: several of our threads may interrupt; the stopped one never takes this
        self._interrupting = new_lock()
        self._pid = posix.getpid()
        self.console = Console(self)

    # ---- in the program's threads ----

    def put(self, kind: str, *values: Any) -> None:
        """An event for the operator. Text waits while too much of it has not been fetched, if a prompt is shown."""
        if kind in ("out", "err"):
            while self._waiting_text > MOST_WAITING and self._session.is_at_prompt():
                self._session.debugger.pause(0.02)
            if self._waiting_text > MOST_WAITING:
                return
            self._waiting_text += len(values[0])
        self._events.put((kind, *values))

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

    def wake(self) -> None:
        """Have both sides look whether the session is over."""
        self._lines.wake()
        self._events.wake()

    def ask(self, prompt: str) -> str:
        """In the stopped thread: the operator's next line; "" at the end of the session."""
        if self._tell_commands:
            self._tell_commands = False
            self.put("prompt", prompt, self._session.pdb.command_names())
        else:
            self.put("prompt", prompt, ())
        self._session.watchdog.asked()
        try:
            while not self._session.ended:
                try:
                    item = self._lines.take() if self._lines.wait(LOOK) else None
                    if item is None:
                        self._session.debugger.look_after(self._session)
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
            self._session.keep_foreign(error)
        finally:
            self._session.watchdog.answered()
        return ""

    def _complete(self, arguments: tuple[Any, ...], reply: Mailbox) -> None:
        names: tuple[str, ...] = ()
        interrupts = Interrupts(OperatorInterrupt)
        try:
            try:
                self._interrupts = interrupts
                interrupts.begin(self._session.stopped_in())
                names = self._session.pdb.completions(*arguments)
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

    def evaluated(self) -> None:
        """The operator's command has come to its end."""
        self._interrupts = None
        if posix.getpid() != self._pid:  # a child that the operator's code has forked: nothing else runs in it
            posix._exit(0)

    # ---- in our threads ----

    def feed(self, text: str) -> None:
        self._lines.put(("line", text if text.endswith("\n") else text + "\n"))

    def interrupt(self) -> str:
        """KeyboardInterrupt in the operator's evaluation; "idle" if there is none, else why it cannot be, or ""."""
        with self._interrupting:
            interrupts = self._interrupts
            return "idle" if interrupts is None else interrupts.send()

    def complete(self, *arguments: Any) -> tuple[str, ...]:
        if not self._session.is_at_prompt() or self._interrupts is not None:
            return ()
        reply = Mailbox(self._session.debugger.new_lock)
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
        self._events.wait(min(seconds, HOLD if self._held else 1.0))
        events = self._events.take_all(MOST_EVENTS)
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
