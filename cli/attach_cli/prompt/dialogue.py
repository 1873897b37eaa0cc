"""A conversation with whatever reads lines in a process: shows what it says, hands it what is typed.

Everything that happens is an event in one queue, and the main thread takes them in order: what the process says, which
a thread fetches, and signals. While the main thread reads a line it is woken, shows what there is above that line, and
goes on reading with what was typed so far.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Protocol

from attach.errors import AttachError
from attach_cli import console
from attach_cli.prompt import editor, multiline
from attach_cli.prompt.arrivals import Arrivals, Ended, Event
from attach_cli.prompt.screen import Screen

#: Seconds that the process gets to say that it has closed.
_GRACE = 5.0
#: Seconds within which Ctrl-C twice means more than once.
_TWICE = 2.0


class Talker(Protocol):
    """The process's end, such as `attach.debugging.Debug`. `events` is called in a thread of its own."""

    def events(self, seconds: float) -> list[Event]: ...
    def feed(self, text: str) -> None: ...
    def interrupt(self) -> str: ...
    def complete(self, text: str, line: str, begin: int, end: int) -> list[str]: ...
    def close(self, reason: str) -> None: ...


class Dialogue:
    """One conversation, from `run` until the process says "closed" or is lost.

    A subclass knows further kinds of events (`told`), and what Ctrl-C and the end of the input mean when.
    """

    #: The name of the history file; what is typed here is of little use at prompts of another name.
    name = "prompt"

    def __init__(self, talker: Talker) -> None:
        self.talker = talker
        self.screen = Screen()
        #: Why it was closed, and seconds that the process stood still; "" while it is open.
        self.closed: tuple[str, float] = ("", 0.0)
        #: Whether `leave` was called.
        self.leaving = False
        #: The signal that asked us to leave, or 0.
        self.ended_by = 0
        self.editor: editor.Editor = editor.choose(self.name, self._complete)
        self._arrivals = Arrivals(talker.events, self.editor.wake)
        self._commands: frozenset[str] = frozenset()
        self._typed: list[str] = []  # lines of a statement that goes on
        self._pasted: list[str] = []  # lines that were entered at once, as they are by a paste
        self._evaluating = False
        self._cancelled = False  # by Ctrl-C while reading
        self._interrupted_at = -_TWICE
        self._timers: dict[str, tuple[float, Callable[[], None]]] = {}

    # ---- for subclasses ----

    def told(self, kind: str, values: Event) -> None:
        """An event of a kind that is not known here."""

    def shown(self, kind: str) -> None:
        """Output was shown, "out" or "err"."""

    def interrupted(self) -> None:
        """Ctrl-C while no line is read. A second one soon after it wants more than to interrupt."""
        if self.leaving:
            raise KeyboardInterrupt
        again = time.monotonic() - self._interrupted_at < _TWICE
        self._interrupted_at = time.monotonic()
        if again:
            self.insist()
        else:
            problem = self.interrupt()
            if problem:
                self.screen.say(problem)

    def interrupt(self) -> str:
        """Interrupt what the process works on; why that cannot be, or ""."""
        problem = self.talker.interrupt() if self._evaluating else ""
        return "" if problem == "idle" else problem

    def insist(self) -> None:
        """Ctrl-C twice: what was asked for has not happened."""
        self.leave("interrupted")

    def at_end(self) -> None:
        """The input has ended: Ctrl-D, or the end of a file."""
        self.leave("end of input")

    def given_up(self) -> None:
        """Ctrl-C at a question."""
        self.leave("interrupted")

    def leave(self, reason: str) -> None:
        """Close; `run` returns when the process has said that it did, or after a while without that."""
        self.leaving = True
        self.talker.close(reason)
        self.later("closed", _GRACE, lambda: self._close(reason, 0.0))

    def later(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` unless `never` is called before, or this with another."""
        self._timers[name] = (time.monotonic() + seconds, action)

    def never(self, name: str) -> None:
        self._timers.pop(name, None)

    @property
    def evaluating(self) -> bool:
        """Whether the process works on what was typed."""
        return self._evaluating

    @property
    def is_closed(self) -> bool:
        return bool(self.closed[0])

    # ---- the loop ----

    def run(self) -> None:
        """Talk until it is closed. Raises what the library raises when the process is lost, and Ended."""
        try:
            with self._arrivals.open():
                while not self.is_closed:
                    event = self._next()
                    if event is not None:
                        self._take(event)
        finally:
            self.editor.close()

    def _next(self) -> Event | None:
        """The next event; None after a timer has been served."""
        if not self._timers:
            return self._arrivals.take()
        name, (due, action) = min(self._timers.items(), key=lambda item: item[1][0])
        event = self._arrivals.take(max(0.0, due - time.monotonic()))
        if event is None:
            del self._timers[name]
            action()
        return event

    def _take(self, event: Event) -> None:
        kind, values = event[0], event[1:]
        if self._show(event):
            return
        self._evaluating = False
        self._interrupted_at = -_TWICE
        if kind == "prompt":
            if len(values) > 1 and values[1]:
                self._commands = frozenset(map(str, values[1]))
            self._prompt(str(values[0]))
        elif kind == "closed":
            self._close(str(values[0]) or "closed", float(values[1]))
        elif kind == "lost":
            raise values[0]
        else:
            self.told(str(kind), values)

    def _show(self, event: Event) -> bool:
        """Take an event that changes nothing about who speaks next; False for any other."""
        kind, *values = event
        if kind in ("out", "err"):
            self.screen.write(str(values[0]), error=kind == "err")
            self.shown(kind)
        elif kind == "note":
            self.screen.say(str(values[0]))
        elif kind == "signal":
            self._signalled(int(values[0]))
        else:
            return False
        return True

    def _signalled(self, number: int) -> None:
        try:
            if number == signal.SIGINT:
                self._ctrl_c()
            elif number != signal.SIGCONT:
                if self.leaving:
                    raise Ended(number)
                self.ended_by = number
                self.leave(signal.Signals(number).name)
        finally:
            self._arrivals.dealt_with()

    def _ctrl_c(self) -> None:
        self._pasted.clear()
        if self._arrivals.reading:
            self._cancelled = True
            return
        if self.editor.interactive:
            self.screen.end_line()  # the terminal has shown ^C
        self.interrupted()

    def _close(self, reason: str, seconds: float) -> None:
        self._timers.clear()
        self.closed = (reason, seconds)

    # ---- reading ----

    def ask(self, question: str) -> str | None:
        """What the operator answers; None if something else happened, such as Ctrl-C or the end of the input."""
        self._typed.clear()
        self._pasted.clear()  # none of it is an answer
        try:
            return self._line(question, is_question=True)
        except KeyboardInterrupt:
            self.given_up()
        except EOFError:
            self.screen.end_line()
            self.at_end()
        return None

    def _prompt(self, prompt: str) -> None:
        """Read a statement and hand it over, unless the process does not wait for it any more."""
        self._typed.clear()
        while True:
            try:
                line = self._line(prompt)
            except EOFError:
                if self.editor.interactive:
                    self.screen.end_line()
                    if self._typed:  # as in Python: the statement is given up
                        self._typed.clear()
                        continue
                elif self._typed:  # the last statement of a file: the process says what is wrong with it
                    break
                self.at_end()
                return
            if line is None:
                return
            self._typed.append(line)
            if not multiline.goes_on("\n".join(self._typed), prompt, self._commands):
                break
        self._hand_over("\n".join(self._typed))

    def _hand_over(self, text: str) -> None:
        self._evaluating = True
        # a terminal or a file in another encoding may give what is no text
        self.talker.feed(text.encode("utf-8", "replace").decode())

    def _line(self, prompt: str, *, is_question: bool = False) -> str | None:
        """One line, what was pasted before first; None when it is not waited for any more. Raises EOFError.

        Ctrl-C begins it anew; at a question it is a KeyboardInterrupt.
        """
        filled = ""
        while not self._pasted:
            self.screen.new_line()
            shown = console.escaped("...".ljust(len(prompt.rstrip())) + " " if self._typed else prompt)
            self._arrivals.reading = True
            self._cancelled = False
            self._arrivals.dealt_with()
            try:
                self._pasted = self.editor.read(shown, filled).split("\n")
            except editor.Woken as woken:
                filled = woken.text
                if not self._look(shown + filled):
                    return None
            except KeyboardInterrupt:  # the editor's own
                self._cancelled = True
            finally:
                self._arrivals.reading = False
            if self._cancelled:
                if is_question:
                    raise KeyboardInterrupt
                filled = ""
                self._typed.clear()
        return self._pasted.pop(0)

    def _look(self, shown: str) -> bool:
        """Show what there is, above the line that is being typed; False if there is something else to do than that."""
        erased = False
        while event := self._arrivals.take_at_once():
            if not erased:
                erased = True
                if event == ("signal", signal.SIGINT):
                    self.screen.end_line()
                else:
                    self.editor.erase(shown)
            if not self._show(event):
                self._arrivals.put_back(event)
                return False
        return not self.leaving

    def _complete(self, text: str, line: str, begin: int, end: int) -> list[str]:
        """Candidates for a word, from the process; only such as can be shown."""
        if self._typed:  # in the middle of a statement there are no commands
            if not line[:end].strip():
                return [editor.INDENT]
            line, begin, end = f"! {line}", begin + 2, end + 2
        indent = len(line) - len(line.lstrip())
        try:
            found = self.talker.complete(text, line[indent:], begin - indent, end - indent)
        except (AttachError, OSError):  # the thread that fetches events tells of it
            return []
        return [candidate for candidate in found if candidate.isprintable()]
