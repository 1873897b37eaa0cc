"""A Python prompt in an attached process: what ``Session.shell`` opens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from attach.channel import rendezvous
from attach.channel.connection import AgentConnection, RemoteError
from attach.errors import AgentUnreachable, NoSuchModule, NotAttached, ResourceLimit, TargetExited
from attach.process import Process
from attach.running import has_ended


class Shell:
    """One prompt. `events` is for one thread, the rest for one other.

    When this process ends, or the block, the prompt does, and what runs there is interrupted.
    """

    def __init__(self, process: Process, control: AgentConnection, output: AgentConnection, number: int) -> None:
        self.process = process
        self.number = number
        self._control = control
        self._output = output

    def events(self, seconds: float) -> list[tuple[Any, ...]]:
        """What has happened, waited for `seconds` at most (and 1 s at most). The last event of all is "closed".

        ("out", text), ("err", text): what statements print. ("prompt", text, ()): the next statement is waited for.
        ("note", text). ("closed", reason, 0.0): the reason is "quit", or "done" or "exit" after a SystemExit with the
        status 0 or another.
        """
        with self._watched():
            return list(self._output.call("shell_read", self.number, seconds))

    def feed(self, text: str) -> None:
        """The statement that was asked for."""
        with self._watched():
            self._control.call("shell_feed", text)

    def interrupt(self) -> str:
        """KeyboardInterrupt in the statement that runs; "idle" if none does, else why it cannot be, or ""."""
        with self._watched():
            return str(self._control.call("shell_interrupt"))

    def complete(self, text: str, line: str, begin: int, end: int) -> list[str]:
        """What the word `text`, from `begin` to `end` in `line`, may become."""
        with self._watched():
            return [str(name) for name in self._control.call("shell_complete", text, line, begin, end)]

    def close(self, _reason: str = "quit") -> None:
        """End the prompt; "closed" is the last of the events."""
        with self._watched():
            self._control.call("shell_close")

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except AgentUnreachable:
            if has_ended(self.process):
                raise TargetExited(self.process.pid) from None
            raise

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._output.abort()
        if kind is None:
            self._control.finish()
        else:
            self._control.abort()


def open_shell(process: Process, timeout: float, module: str) -> Shell:
    """See `attach.session.Session.shell`."""
    control = _connect(process, timeout)
    try:
        output = _connect(process, timeout)
        try:
            for part in ("run", "shell"):
                control.load(part)
            number = int(control.call("shell_open", module))
        except BaseException:
            output.abort()
            raise
    except BaseException as error:
        control.abort()
        if isinstance(error, RemoteError) and error.slug == "no-such-module":
            raise NoSuchModule(process.pid, module) from None
        if isinstance(error, RemoteError) and error.slug == "no-thread":
            raise ResourceLimit(process.pid, "another thread", "RLIMIT_NPROC, or TasksMax= of systemd") from None
        raise
    return Shell(process, control, output, number)


def _connect(process: Process, timeout: float) -> AgentConnection:
    meeting = rendezvous.find(process)
    if meeting is None:
        raise NotAttached(process.pid)
    return AgentConnection(meeting.connect(), process.pid, timeout=timeout)
