"""A debugger in an attached process: what ``Session.debugging`` is."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Any

from attach.channel import rendezvous
from attach.channel.connection import AgentConnection, RemoteError, as_dict
from attach.errors import (
    AgentUnreachable,
    AmbiguousFile,
    DebugBusy,
    DebugClosed,
    DebuggerClassNotUsable,
    DebuggerUnavailable,
    DebugRefused,
    LogpointNotUsable,
    NoCodeAtLine,
    NoSuchProcess,
    NoSuchThread,
    NotAttached,
    TargetExited,
    UnknownFile,
    UnknownFunction,
)
from attach.process import Process
from attach.running import has_ended

#: The agent's slugs that are errors of their own, made of the PID and the agent's message.
_ERRORS: dict[str, Callable[[int, str], Exception]] = {
    "ambiguous-file": AmbiguousFile,
    "bad-logpoint": LogpointNotUsable,
    "debug-busy": DebugBusy,
    "debug-closed": DebugClosed,
    "no-code-at-line": NoCodeAtLine,
    "no-pdb": DebuggerUnavailable,
    "no-such-thread": NoSuchThread,
    "pdbcls": DebuggerClassNotUsable,
    "unknown-file": UnknownFile,
    "unknown-function": UnknownFunction,
}


@dataclass(frozen=True)
class Break:
    """A line to stop at: `hits` is the number of the first visit that counts, `once` ends it with that."""

    filename: str
    line: int
    condition: str = ""
    hits: int = 0
    once: bool = False


@dataclass(frozen=True)
class Options:
    """What stops a thread, and what happens then. Times are in seconds, 0 means no limit."""

    #: "main", a name, a native id or an ident; the thread to stop where nothing else is named
    thread: str = ""
    breaks: tuple[Break, ...] = ()
    #: ``module:qualified.name``
    functions: tuple[str, ...] = ()
    #: the name of a class, "*" for any, "" for none
    exception: str = ""
    #: ``module:Class``
    pdbcls: str = ""
    #: run before the first prompt
    commands: tuple[str, ...] = ()
    #: shown at each breakpoint instead of stopping there
    log: str = ""
    max_hits: int = 0
    rate: float = 5.0
    wait: float = 30.0
    stop_timeout: float = 60.0
    idle_timeout: float = 300.0
    keepalive: bool = False
    inspect: bool = False
    #: of the operator's terminal
    width: int = 80
    color: bool = False

    def pairs(self) -> tuple[tuple[str, Any], ...]:
        """As the agent wants them."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["breaks"] = tuple((b.filename, b.line, b.condition, b.hits, b.once) for b in self.breaks)
        return (("operator", f"{_user()}, process {os.getpid()},"), *plain.items())


class Debugging:
    """The debugger of one process."""

    def __init__(self, process: Process, connection: AgentConnection) -> None:
        self.process = process
        self.connection = connection

    def open(self, options: Options) -> Debug:
        """Begin a session; nothing waits for input before a thread has come to what `options` name.

        Raises DebugBusy if another operator has one, DebuggerUnavailable, DebuggerClassNotUsable, NoSuchThread,
        BreakpointError. Then nothing was changed.
        """
        control = self._connect()
        try:
            output = self._connect()
            try:
                control.load("debugger")
                with translated(self.process.pid):
                    number = control.call("debug_open", options.pairs())
                for connection in (control, output):  # what is evaluated may hold the GIL for as long as it likes
                    connection.wait_without_limit()
            except BaseException:
                output.abort()
                raise
        except BaseException:
            control.abort()
            raise
        return Debug(self.process, control, output, int(number))

    def status(self) -> dict[str, Any]:
        """The session that is open, whosever it is; empty if there is none."""
        return as_dict(as_dict(self.connection.call("status")).get("debug", ()))

    def reset(self) -> dict[str, Any]:
        """End the session that is open, whosever it is: all goes on, nothing is armed. Returns what it was."""
        return as_dict(self.connection.call("debug_reset"))

    def _connect(self) -> AgentConnection:
        meeting = rendezvous.find(self.process)
        if meeting is None:
            raise NotAttached(self.process.pid)
        return AgentConnection(meeting.connect(), self.process.pid, timeout=self.connection.timeout)


class Debug:
    """One session. `events` is for one thread, the rest for one other.

    When this process ends, or the block, the session does.
    """

    def __init__(self, process: Process, control: AgentConnection, output: AgentConnection, number: int) -> None:
        self.process = process
        self.number = number
        self._image = process.image()
        self._control = control
        self._output = output
        self._over = False

    def events(self, seconds: float) -> list[tuple[Any, ...]]:
        """What has happened, waited for `seconds` at most (and 1 s at most). The last event of all is "closed".

        ("out", text), ("err", text): what pdb and the stopped thread print. ("prompt", text, commands): pdb wants a
        line; the names of its commands come with the first. ("stopped", thread, ident, file, line, function, why).
        ("resumed", seconds). ("note", text). ("blocked", thread, where, rows): it cannot be stopped now.
        ("closed", reason, seconds stopped in all). Texts are the target's.
        """
        with self._watched():
            events = list(self._output.call("debug_read", self.number, seconds))
        self._over = any(event[0] == "closed" for event in events)
        return events

    def feed(self, text: str) -> None:
        """The line, or lines, that were asked for."""
        with self._watched():
            self._control.call("debug_feed", text)

    def interrupt(self) -> str:
        """KeyboardInterrupt in what the operator evaluates; "idle" if nothing is, else why it cannot be, or ""."""
        with self._watched():
            return str(self._control.call("debug_interrupt"))

    def complete(self, text: str, line: str, begin: int, end: int) -> list[str]:
        """What the word `text`, from `begin` to `end` in `line`, may become."""
        with self._watched():
            return [str(name) for name in self._control.call("debug_complete", text, line, begin, end)]

    def stop(self, thread: str = "") -> str:
        """Stop the thread at its next line: the one that was stopped last, or this one. Why it cannot be, or ""."""
        with self._watched():
            return str(self._control.call("debug_stop", thread))

    def close(self, reason: str = "quit") -> None:
        """Let all go on; "closed" is the last of the events."""
        with self._watched():
            self._control.call("debug_close", reason)

    def leave(self) -> None:
        """Close both connections; the session ends with them."""
        for connection in (self._control, self._output):
            if self._over:  # an agent that still counts us as somebody would not go with us
                connection.finish()
            else:
                connection.abort()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            with translated(self.process.pid):
                yield
        except AgentUnreachable:
            if has_ended(self.process):
                raise TargetExited(self.process.pid) from None
            if self._became_another():
                raise TargetExited(self.process.pid, replaced=True) from None
            raise

    def _became_another(self) -> bool:
        """Whether the process runs another program now, by execve(2)."""
        try:
            return self.process.image() != self._image
        except NoSuchProcess:
            raise TargetExited(self.process.pid) from None

    def __enter__(self) -> Debug:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()


@contextmanager
def translated(pid: int) -> Iterator[None]:
    """The agent's errors as our own."""
    try:
        yield
    except RemoteError as error:
        if error.slug in _ERRORS:
            raise _ERRORS[error.slug](pid, error.message) from None
        raise DebugRefused(pid, error.message, error.slug) from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for the number
        return f"user {os.getuid()}"
