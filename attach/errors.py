"""Every way in which live-attach can fail, one class each.

::

    AttachError
    ├── TargetError                 the process cannot be attached to
    │   ├── NoSuchProcess             exit 3
    │   └── ...
    └── ...

An error tells what happened (`message`), why and what to do next (`hint`, with the command to type), has a `slug`
that is its section in docs/reference/errors.md, and the command's exit code (docs/reference/exit-codes.md).
"""

from typing import ClassVar

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_PROCESS = 3
EXIT_PERMISSION = 4
EXIT_UNSUPPORTED = 5
EXIT_BUSY = 6
EXIT_TIMEOUT = 7


class AttachError(Exception):
    """The base of all errors that live-attach raises on purpose.

    `message` is one sentence without a final newline; `hint` is what to do about it, possibly several lines.
    """

    slug: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class TargetError(AttachError):
    """The target cannot be attached to, or not any more."""


class NoSuchProcess(TargetError):
    """There is no process with this PID."""

    slug = "no-such-process"
    exit_code = EXIT_NO_PROCESS

    def __init__(self, pid: int) -> None:
        super().__init__(f"there is no process {pid}", "List the Python processes with:  attach ps")
        self.pid = pid


class AttachDenied(TargetError):
    """The kernel does not let this user look into the process."""

    slug = "permission"
    exit_code = EXIT_PERMISSION

    def __init__(self, pid: int, reason: str = "it belongs to another user") -> None:
        super().__init__(
            f"may not attach to process {pid}: {reason}",
            f"Attach as its user or as root:  sudo attach {pid} ...\nSee why with:  attach doctor {pid}",
        )


class KernelTooOld(AttachError):
    """A system call that the tool depends on is missing."""

    slug = "kernel-too-old"
    exit_code = EXIT_UNSUPPORTED

    def __init__(self, call: str, since: str) -> None:
        super().__init__(f"this kernel has no {call}(2), which came with Linux {since}")


class AgentError(AttachError):
    """The agent is in the process, but something is wrong with it."""


class AgentUnreachable(AgentError):
    """The agent does not answer, or the channel to it broke."""

    slug = "agent-unreachable"
    exit_code = EXIT_TIMEOUT

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"the agent in process {pid} cannot be reached: {reason}",
            "See whether the process still runs with:  attach ps\n"
            f"Then try again, with more time:  attach --timeout 60 {pid} ...",
        )


class AgentMismatch(AgentError):
    """The process holds the agent of another version of live-attach."""

    slug = "agent-mismatch"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int, theirs: str, ours: str) -> None:
        super().__init__(
            f"the agent in process {pid} is version {theirs}, this is {ours}",
            f"Detach it with the version that attached it, then try again:  attach {pid} detach",
        )


class AgentFailed(AgentError):
    """The agent hit an error of its own: a bug of live-attach, or a process without memory or threads."""

    slug = "agent-failed"

    def __init__(self, pid: int, text: str) -> None:
        super().__init__(
            f"the agent in process {pid} failed: {text}",
            "The process goes on. If it has memory and threads left, please report this with the text above.",
        )


class NotAttached(AttachError):
    """There is no agent in the process, and the command does not bring one."""

    slug = "not-attached"

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid} is not attached", f"Measure it with:  attach {pid} start-coverage")


class CoverageError(AttachError):
    """Measuring cannot be started, stopped or read."""


class CoverageRunning(CoverageError):
    """Coverage was started before and is still measuring; nothing was changed."""

    slug = "coverage-running"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"coverage is already running in process {pid}; nothing was changed",
            f"See what ran with:  attach {pid} snapshot\nTo measure something else, first:  attach {pid} stop-coverage",
        )


class CoverageNotStarted(CoverageError):
    """There is nothing to report or to stop: coverage was not started in the process."""

    slug = "coverage-not-started"

    def __init__(self, pid: int) -> None:
        super().__init__(f"coverage was not started in process {pid}", f"Start it with:  attach {pid} start-coverage")


class CoverageRefused(CoverageError):
    """The process cannot be measured as it is: another tool holds what measuring needs."""

    slug = "coverage-refused"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(f"process {pid} cannot be measured: {reason}", "The process is as it was before.")


class ReportError(AttachError):
    """What was measured could not be turned into a report; the measurement itself goes on."""


class NothingMeasured(ReportError):
    """No line of the code that is measured ran.

    `left_out` names the packages that did run but are not measured, with the number of their lines.
    """

    slug = "nothing-measured"

    def __init__(self, pid: int, left_out: tuple[tuple[str, int], ...] = ()) -> None:
        if left_out:
            shown = ", ".join(f"{name} ({lines} lines)" for name, lines in left_out[:10])
            more = f" and {len(left_out) - 10} more" if len(left_out) > 10 else ""
            hint = (
                f"What did run is left out of the measurement: {shown}{more}.\n"
                f"Measure one of them:  attach {pid} start-coverage --source {left_out[0][0]}\n"
                f"Or everything:        attach {pid} start-coverage -L"
            )
        else:
            hint = (
                "Nothing ran in any Python thread since the measurement began: let the process do some work, "
                f"then ask again.\nSee what it is doing:  attach {pid} threads"
            )
        super().__init__(f"no line of the measured code ran in process {pid}", hint)
        self.pid = pid
        self.left_out = left_out


class NothingToReport(ReportError):
    """Lines were measured, but no file of them can be shown: no source, or all left out by the configuration.

    `problems` pairs each file with the reason.
    """

    slug = "nothing-to-report"

    def __init__(self, pid: int, problems: tuple[tuple[str, str], ...]) -> None:
        listed = "\n".join(f"  {path}: {reason}" for path, reason in problems[:10])
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        hint = (f"{listed}{more}\n" if listed else "The include and omit settings leave nothing over.\n") + (
            f"Keep what was measured, and report where the sources are:  attach {pid} snapshot --data=FILE"
        )
        super().__init__(f"none of the files measured in process {pid} can be shown", hint)
        self.pid = pid
        self.problems = problems


class MeasurementRejected(ReportError):
    """What the target sent as its measurement is beyond any possible program."""

    slug = "measurement-rejected"

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"process {pid} sent a measurement that cannot be true: {reason}",
            "A process that was not tampered with does not send this. If you trust it, report this as a bug.",
        )
        self.pid = pid


class ReportConfigNotUsable(ReportError):
    """A coverage configuration file, or a setting in it, is not usable for the report."""

    slug = "report-config-not-usable"
    exit_code = EXIT_USAGE

    def __init__(self, reason: str) -> None:
        super().__init__(f"the coverage configuration is not usable: {reason}", "Correct it, or leave --rcfile out.")


class OutputNotWritable(ReportError):
    """A report cannot be written to where it was asked for: no permission, no space, not a directory."""

    slug = "output-not-writable"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"cannot write the report to {path}: {reason}",
            "Nothing was lost, the measurement goes on. Name another place, for example\n"
            "  --html=/tmp/htmlcov  or  --data=/tmp/.coverage",
        )
        self.path = path
        self.reason = reason
