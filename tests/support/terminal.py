"""A user at a terminal: ``attach ARGS`` in a pseudo-terminal of its own, and what is on its screen."""

import contextlib
import os
import re
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.support.command import ATTACH, environment
from tests.support.processes import NotReady, wait_until

DEADLINE = 30.0  # seconds: far more than an answer takes on a busy machine
ROWS, COLUMNS = 50, 200

PROMPT = r"(?:^|[\r\n])(?P<prompt>\(+(?:Pdb|com)\)+|>>>) "
#: What moves a cursor, gives colours, or switches bracketed paste (ECMA-48): CSI and OSC sequences.
SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[=>])|\x01|\x02")


class Unexpected(AssertionError):
    """What should have come did not; the text is what was on the screen."""


class Terminal:
    """A command that runs in a terminal. Where it takes or gives text, lines end in ``\\n``."""

    def __init__(self, child: "pexpect.spawn[str]") -> None:
        self.pid = child.pid
        self._child = child
        self._shown: list[str] = []

    @property
    def shown(self) -> str:
        """All that has been on the screen, as far as it was waited for, without control sequences."""
        return plain("".join(self._shown))

    @property
    def raw(self) -> str:
        """The same as it came, with colours."""
        return "".join(self._shown)

    def wait_for(self, pattern: str, timeout: float = DEADLINE) -> str:
        """What is shown until the first match of `pattern` (MULTILINE; a line ends in CR LF), which is part of it."""
        return self._expect(re.compile(pattern, re.MULTILINE), timeout)

    def wait_for_any(self, *patterns: str, seconds: float) -> str | None:
        """What is shown until one of them; None if the command ends or if none comes in time."""
        choices = [pexpect.EOF, pexpect.TIMEOUT, *(re.compile(pattern, re.MULTILINE) for pattern in patterns)]
        if self._child.expect(choices, timeout=seconds) < 2:
            return None
        text = f"{self._child.before}{self._child.after}"
        self._shown.append(text)
        return plain(text)

    def wait_for_prompt(self, timeout: float = DEADLINE) -> str:
        """What is shown until the debugger wants a line; the prompt is the end of it."""
        return self.wait_for(PROMPT, timeout)

    def wait_for_end(self, timeout: float = DEADLINE) -> tuple[int, str]:
        """(exit status, -N for signal N; what is shown until then)."""
        text = self._expect(pexpect.EOF, timeout)
        with contextlib.suppress(pexpect.ExceptionPexpect):
            self._child.wait()
        self._child.close()
        if self._child.exitstatus is not None:
            return self._child.exitstatus, text
        assert self._child.signalstatus is not None
        return -self._child.signalstatus, text

    def ends_within(self, seconds: float) -> bool:
        """Whether the command ends; what it says until then is still to be waited for."""
        with contextlib.suppress(NotReady):
            wait_until(lambda: not self._child.isalive(), "its end", seconds)
        return not self._child.isalive()

    def send(self, line: str) -> None:
        """Type `line` and Enter."""
        self._child.sendline(line)

    def type(self, text: str) -> None:
        """Type `text` alone."""
        self._child.send(text)

    def ask(self, line: str, timeout: float = DEADLINE) -> str:
        """Type `line`, and give what comes of it before the next prompt, without the echo."""
        self.send(line)
        # typed text comes back as it is; readline may redraw it, but ends it with a line's end too
        answer = self.wait_for_prompt(timeout)
        _, _, answer = answer.partition("\n")
        return re.sub(PROMPT + r"\Z", "\n", answer).rstrip("\n")

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._child.sendintr()

    def end_of_input(self) -> None:
        """Ctrl-D."""
        self._child.sendeof()

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)

    def hang_up(self) -> None:
        """The terminal is gone, as when a connection is lost: SIGHUP, and errors in reading and writing."""
        self._child.close(force=False)

    def resize(self, columns: int) -> None:
        """The window has another width: SIGWINCH."""
        self._child.setwinsize(ROWS, columns)

    def _expect(self, pattern: object, timeout: float) -> str:
        try:
            self._child.expect([pattern], timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            left = self._child.before if isinstance(self._child.before, str) else ""
            self._shown.append(left)
            what = "it ended" if isinstance(error, pexpect.EOF) else f"waited {timeout:g} s"
            wanted = getattr(pattern, "pattern", "its end")
            raise Unexpected(f"{what} without {wanted!r}; on the screen:\n{self.shown}") from None
        matched = self._child.after if isinstance(self._child.after, str) else ""
        text = f"{self._child.before}{matched}"
        self._shown.append(text)
        return plain(text)


def plain(text: str) -> str:
    """`text` without control sequences; its lines end in ``\\n``."""
    return SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "")


@contextmanager
def attach_on_terminal(
    *args: object, env: Mapping[str, str] | None = None, term: str = "dumb", cwd: Path | None = None
) -> Iterator[Terminal]:
    """``attach ARGS`` as typed at a terminal of type `term`; ended by PID when the block ends.

    An exception out of the block gets the screen as a note.
    """
    with tempfile.TemporaryDirectory(prefix="live-attach-test-") as state:  # for what is remembered of lines typed
        own = {**environment(), "XDG_STATE_HOME": state, "TERM": term, **(env or {})}
        with _spawned([*ATTACH, *map(str, args)], own, cwd) as terminal:
            yield terminal


@contextmanager
def _spawned(command: list[str], env: Mapping[str, str], cwd: Path | None) -> Iterator[Terminal]:
    child = pexpect.spawn(
        command[0],
        command[1:],
        encoding="utf-8",
        codec_errors="replace",
        dimensions=(ROWS, COLUMNS),
        timeout=DEADLINE,
        cwd=cwd,
        env=env,
    )
    child.delaybeforesend = None  # it is there for programs that switch echo off
    terminal = Terminal(child)
    try:
        yield terminal
    except BaseException as error:
        error.add_note(f"$ attach {' '.join(command[3:])}\n--- on the screen\n{terminal.shown}")
        raise
    finally:
        if child.isalive():
            child.kill(signal.SIGKILL)
        child.close(force=True)
