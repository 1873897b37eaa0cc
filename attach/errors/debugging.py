"""A debugger session cannot be, or is over. The process goes on."""

from __future__ import annotations

from collections.abc import Sequence

from attach.errors.base import (
    EXIT_BUSY,
    EXIT_FAILED,
    EXIT_TIMEOUT,
    EXIT_UNSUPPORTED,
    EXIT_USAGE,
    AttachError,
)


class DebugError(AttachError):
    """The debugger cannot do what was asked; the process goes on."""


class DebugBusy(DebugError):
    """One operator at a time has the debugger of a process."""

    slug = "debug-busy"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int, holder: str) -> None:
        super().__init__(
            f"{holder} in process {pid}; nothing was changed",
            f"Wait until it is closed, or end it:  attach {pid} debug --reset",
        )


#: Cases of the agent's that the process as it is brings about, with a way out of each.
_WAYS_OUT = {
    "audit-hook": "Run it with Python 3.12 or later, or without the hook.",
    "monitoring-busy": "Stop one of those tools first.",
    "no-thread": "Look at its limits:  cat /proc/{pid}/limits",
    "tracer-busy": "Stop the other tracer first: a debugger, a profiler, or coverage run.",
    "tracing-refused": "This is the program's own policy.",
    "unsupported-build": "Look at its threads instead:  attach {pid} threads",
}


class DebugRefused(DebugError):
    """The process cannot be debugged as it is. `case` is the agent's slug for it."""

    slug = "debug-refused"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int, reason: str, case: str = "") -> None:
        super().__init__(
            f"process {pid} cannot be debugged: {reason}",
            "Nothing was changed. "
            + _WAYS_OUT.get(case, "Show each step with:  attach -v {pid} debug").format(pid=pid),
        )
        if case in _WAYS_OUT:
            self.slug = case


class DebugClosed(DebugError):
    """The session ended while something was asked of it."""

    slug = "debug-closed"
    exit_code = EXIT_FAILED

    def __init__(self, pid: int, cause: str) -> None:
        super().__init__(f"there is no debugger session in process {pid}: {cause}", f"Begin one:  attach {pid} debug")


class DebuggerUnavailable(DebugError):
    """The process's Python has no pdb to offer, or forbids it."""

    slug = "no-pdb"
    exit_code = EXIT_UNSUPPORTED

    def __init__(self, pid: int, cause: str) -> None:
        super().__init__(
            f"process {pid} cannot be debugged: {cause}",
            f"Look at its threads instead:  attach {pid} threads",
        )


class DebuggerClassNotUsable(DebugError):
    """What --pdbcls names is not there, or is not made of pdb.Pdb, or fails."""

    slug = "pdbcls"
    exit_code = EXIT_USAGE

    def __init__(self, pid: int, cause: str) -> None:
        super().__init__(
            cause,
            "--pdbcls MODULE:CLASS is imported in the process: the module has to be installed there.",
        )


class BreakpointError(DebugError):
    """There is no code at this place, or more than one place is meant."""

    hint_text = "See what the process runs:  attach {pid} threads"

    def __init__(self, pid: int, cause: str) -> None:
        super().__init__(cause, self.hint_text.format(pid=pid))


class UnknownFile(BreakpointError):
    """No code of the process is from a file of this name."""

    slug = "unknown-file"
    exit_code = EXIT_USAGE


class AmbiguousFile(BreakpointError):
    """Code of several files is meant by this end of a path."""

    slug = "ambiguous-file"
    exit_code = EXIT_USAGE
    hint_text = "Give more of the path, as it is in the process."


class NoCodeAtLine(BreakpointError):
    """The line is blank, a comment, or within a statement that began earlier."""

    slug = "no-code-at-line"
    exit_code = EXIT_USAGE
    hint_text = "Name one of the lines that have code. The file may have changed since the process loaded it."


class UnknownFunction(BreakpointError):
    """The module has no function of this name."""

    slug = "unknown-function"
    exit_code = EXIT_USAGE
    hint_text = "A function is named as MODULE:QUALNAME:  --function shop.views:Cart.add"


class LogpointNotUsable(DebugError):
    """What --log shall show cannot be read."""

    slug = "bad-logpoint"
    exit_code = EXIT_USAGE

    def __init__(self, _pid: int, cause: str) -> None:
        super().__init__(
            f"--log: {cause}",
            "It is text with expressions in braces:  --log 'n is {n!r}'   ({{ and }} are braces themselves)",
        )


class NoSuchThread(DebugError):
    """No thread, or more than one, is meant by --thread."""

    slug = "no-such-thread"
    exit_code = EXIT_USAGE

    def __init__(self, pid: int, cause: str) -> None:
        super().__init__(cause, f"See the threads of the process:  attach {pid} threads")


class ThreadBlocked(DebugError):
    """The thread waits in a call, and would stop only after that; nobody is there to be asked for another one."""

    slug = "thread-blocked"
    exit_code = EXIT_UNSUPPORTED

    def __init__(self, pid: int, thread: str, where: str, others: Sequence[str] = ()) -> None:
        """`others` can be stopped."""
        super().__init__(
            f"{thread} of process {pid} cannot be stopped now: it is {where}",
            (f"Stop another thread:  attach {pid} debug --thread {others[0]}\n" if others else "")
            + f"Or stop what it runs next:  attach {pid} debug --break FILE:LINE\n"
            f"See where all threads are:  attach {pid} threads",
        )


class NothingStopped(DebugError):
    """What was armed did not happen within the time that was given."""

    slug = "nothing-stopped"
    exit_code = EXIT_TIMEOUT

    def __init__(self, pid: int, target: str, seconds: float) -> None:
        """`target` is what was waited for."""
        super().__init__(
            f"{target} did not come within {seconds:g} s in process {pid}; nothing is armed any more",
            "Wait for longer with --wait SECONDS, or without a limit with --wait 0.\n"
            f"See where the threads are:  attach {pid} threads",
        )
