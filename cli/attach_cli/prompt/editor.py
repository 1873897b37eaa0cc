"""What reads a line from the operator: readline on a terminal, or plain lines from a pipe or a file.

prompt_toolkit takes readline's place where it is installed: `attach_cli.prompt.toolkit`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from attach_cli import console
from attach_cli.prompt.history import History

#: What completes `text`, which is line[begin:end], with the candidates.
Completer = Callable[[str, str, int, int], list[str]]
#: Where words end for a completion: as pdb has it, and "!" which stands before Python code.
DELIMITERS = " \t\n`@#%^&*()=+[{]}\\|;:'\",<>?!"
INDENT = "    "


class Woken(Exception):
    """Something else happened while a line was read; `text` was typed until then."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Editor(Protocol):
    """Reads lines in the main thread."""

    #: Whether a person types.
    interactive: bool

    def read(self, prompt: str, filled: str = "") -> str:
        """One line, or several that were pasted, without the last newline. `filled` is there already, to be edited.

        Raises EOFError at the end of the input, KeyboardInterrupt, and Woken after `wake`.
        """

    def wake(self) -> None:
        """Have `read` raise Woken, if it is reading. Called in another thread; may come too early to have an effect."""

    def erase(self, shown: str) -> None:
        """Remove the line `shown`, prompt and all, from the screen after Woken."""

    def ended(self) -> bool:
        """Whether there will be no more line, as far as is known."""

    def close(self) -> None: ...


def prepare() -> None:
    """Import what `choose` will need: prompt_toolkit takes a while, in which nothing should stand still."""
    _kind()


def choose(history: str, complete: Completer) -> Editor:
    """The best there is for this stdin and stdout. `history` names what is remembered from one time to the next."""
    kind = _kind()
    return Plain() if kind is None else kind(History(history), complete)


def _kind() -> Callable[[History, Completer], Editor] | None:
    """What edits lines here; None where there is nothing to edit, or nothing that could."""
    if sys.stdin is None or not sys.stdin.isatty() or not console.to_terminal():
        return None
    if os.environ.get("TERM") != "dumb":
        try:
            from attach_cli.prompt.toolkit import Toolkit
        except ImportError:  # prompt_toolkit is an extra
            pass
        else:
            return Toolkit
    try:
        import readline  # noqa: F401
    except ImportError:  # a Python that was built without it
        return None
    return Readline


class Readline:
    """GNU readline, or libedit where Python was built with that."""

    interactive = True

    def __init__(self, history: History, complete: Completer) -> None:
        import readline

        self._readline = readline
        self._history = history
        self._complete = complete
        self._candidates: list[str] = []
        self._reading = False
        self._signal_before = signal.signal(signal.SIGUSR1, self._woken)
        readline.clear_history()
        readline.set_auto_history(False)
        for line in history.lines:
            readline.add_history(line)
        readline.set_completer_delims(DELIMITERS)
        readline.set_completer(self._candidate)
        is_libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")

    def read(self, prompt: str, filled: str = "") -> str:
        self._readline.set_startup_hook((lambda: self._readline.insert_text(filled)) if filled else None)
        try:
            self._reading = True
            line = input(prompt)
        finally:
            # a signal that comes when the line is entered leaves it in readline's buffer: it is offered again
            self._reading = False
        if line.strip() and (not self._history.lines or self._history.lines[-1] != line):
            self._readline.add_history(line)
        self._history.add(line)
        return line

    def wake(self) -> None:
        if self._reading:  # select(2), in which readline waits, ends with EINTR
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    def _woken(self, _signal: int, _frame: object) -> None:
        if self._reading:
            self._reading = False
            raise Woken(self._readline.get_line_buffer())

    def erase(self, shown: str) -> None:
        # a line that wraps cannot be written over, nor can any on a dumb terminal: then it stays
        wraps = len(shown) >= console.terminal_width() or "\n" in shown
        sys.stdout.write("\n" if wraps or os.environ.get("TERM") == "dumb" else "\r\x1b[K")
        sys.stdout.flush()

    def ended(self) -> bool:
        return False

    def close(self) -> None:
        self._readline.set_completer(None)
        self._readline.set_startup_hook(None)
        signal.signal(signal.SIGUSR1, self._signal_before)

    def _candidate(self, text: str, number: int) -> str | None:
        """Called by readline, in the main thread, with 0, 1, 2 ... until there are no more. Must not raise."""
        if number == 0:
            # nothing must break a conversation with the process in its middle: wake tries again
            self._reading = False
            line = self._readline.get_line_buffer()
            begin, end = self._readline.get_begidx(), self._readline.get_endidx()
            self._candidates = self._complete(text, line, begin, end)
            self._reading = True
        return self._candidates[number] if number < len(self._candidates) else None


class Plain:
    """Lines as they come, from what is no terminal or cannot be edited. Shows no prompt unless a person types."""

    def __init__(self) -> None:
        self._file = -1 if sys.stdin is None else sys.stdin.fileno()
        self.interactive = self._file >= 0 and os.isatty(self._file)
        self._rest = b""
        self._at_end = self._file < 0
        self._wake_end, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def read(self, prompt: str, filled: str = "") -> str:
        if self.interactive:
            print(prompt, end="", file=sys.stderr, flush=True)
        while b"\n" not in self._rest and not self._at_end:
            ready, _, _ = select.select([self._file, self._wake_end], [], [])
            if self._wake_end in ready:
                os.read(self._wake_end, 4096)
                raise Woken("")
            self._fill()
        if not self._rest:
            raise EOFError
        line, _, self._rest = self._rest.partition(b"\n")
        return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")

    def _fill(self) -> None:
        try:
            data = os.read(self._file, 1 << 16)
        except BlockingIOError:  # somebody else's O_NONBLOCK on a descriptor that is shared
            return
        except OSError:  # a terminal that hung up
            data = b""
        self._rest += data
        self._at_end = not data

    def wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # there are wakes enough in the pipe
            os.write(self._wake, b"w")

    def erase(self, shown: str) -> None:
        if self.interactive:
            print(file=sys.stderr, flush=True)

    def ended(self) -> bool:
        if not self._at_end and not self._rest and select.select([self._file], [], [], 0)[0]:
            self._fill()
        return self._at_end and not self._rest

    def close(self) -> None:
        os.close(self._wake_end)
        os.close(self._wake)
