"""Runs code in an attached process: what ``Session.run`` does."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attach.channel.connection import AgentConnection, RemoteError
from attach.errors import AgentUnreachable, CodeTooLarge, NotInterruptible, ResourceLimit, TargetExited
from attach.process import Process

STDOUT, STDERR = 1, 2
#: Seconds that one question for more output waits for some: so late Ctrl-C may come.
PATIENCE = 0.2
LARGEST_CODE = 1 << 24

#: Takes what the code prints: 1 or 2 for stdout or stderr, and the bytes.
Output = Callable[[int, bytes], None]


@dataclass(frozen=True)
class Code:
    """What to run: the content of a file, the name that tracebacks show, and its ``sys.argv``."""

    source: bytes
    filename: str
    argv: Sequence[str]


@dataclass(frozen=True)
class Outcome:
    """How the code ended."""

    #: "done", "exit" (SystemExit with another status than 0), "exception", "interrupted" (KeyboardInterrupt)
    how: str

    @property
    def ok(self) -> bool:
        return self.how == "done"


def never() -> bool:
    """The `interrupted` of those who do not interrupt."""
    return False


def run(
    connection: AgentConnection, process: Process, code: Code, output: Output, interrupted: Callable[[], bool]
) -> Outcome:
    """See `attach.session.Session.run`. The connection is this run's alone."""
    if len(code.source) > LARGEST_CODE:
        raise CodeTooLarge(code.filename, len(code.source), LARGEST_CODE)
    try:
        _start(connection, process, code)
        connection.wait_without_limit()  # a C call may hold the GIL for as long as it likes
        while True:
            if interrupted():
                reason = connection.call("run_interrupt")
                if reason:
                    raise NotInterruptible(process.pid, str(reason))
            pieces, how = connection.call("run_read", PATIENCE)
            for stream, data in pieces:
                output(STDERR if stream == STDERR else STDOUT, bytes(data))
            if how:
                return Outcome(str(how))
    except AgentUnreachable:
        if has_ended(process):
            raise TargetExited(process.pid) from None
        raise


def _start(connection: AgentConnection, process: Process, code: Code) -> None:
    connection.load("run")
    try:
        connection.call("run_start", code.source, _shown(code.source), code.filename, tuple(code.argv))
    except RemoteError as error:
        if error.slug == "no-thread":
            raise ResourceLimit(process.pid, "another thread", "RLIMIT_NPROC, or TasksMax= of systemd") from None
        raise


def _shown(code: bytes) -> str:
    """The source as text, for the lines in tracebacks; what it means is decided by the target's compiler."""
    try:
        return importlib.util.decode_source(code)
    except (SyntaxError, UnicodeDecodeError):
        return code.decode("utf-8", "replace")


def has_ended(process: Process) -> bool:
    """Whether the process is gone, or about to go: its descriptors are closed a little before."""
    deadline = time.monotonic() + 1.0
    while process.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
