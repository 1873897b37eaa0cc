"""Measuring cannot be started, stopped or read."""

from attach.errors.base import EXIT_BUSY, EXIT_UNSUPPORTED, EXIT_USAGE, AttachError

_AS_BEFORE = "The process is as it was before."

#: What to do about the agent's reasons not to measure; each is the slug of its section, too.
REFUSALS = {
    "audit-hook": f"{_AS_BEFORE} Run it with Python 3.12 or later, or without the hook.",
    "core-unavailable": f"{_AS_BEFORE} Leave --core out: the best for this version is taken then.",
    "coverage-options-differ": "Forget the old data, then start again:  attach {pid} stop-coverage --discard",
    "greenlets": f"{_AS_BEFORE} From Python 3.12 on, leave --core out: lines are measured without a tracer there.",
    "greenlets-unnoticed": "Nothing is shown. Forget it, then start again:  attach {pid} stop-coverage --discard",
    "monitoring-busy": f"{_AS_BEFORE} Stop one of those tools first.",
    "no-ctypes": f"{_AS_BEFORE} Its Python was built without libffi. From 3.12 on, lines are measured without.",
    "no-thread": f"{_AS_BEFORE} Look at its limits:  cat /proc/{{pid}}/limits",
    "tracer-busy": f"{_AS_BEFORE} Stop the other tracer first: a debugger, a profiler, or coverage run.",
    "tracer-unusable": f"{_AS_BEFORE} Show each step with:  attach -v {{pid}} start-coverage",
    "tracing-refused": f"{_AS_BEFORE} This is the program's own policy.",
    "unsupported-build": f"{_AS_BEFORE} From Python 3.12 on, measuring needs nothing of the build.",
}


class CoverageError(AttachError):
    """Measuring cannot be started, stopped or read."""


class CoverageRunning(CoverageError):
    """Coverage was started before and is still measuring; nothing was changed."""

    slug = "coverage-running"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int, difference: str = "") -> None:
        """`difference` says which options it was started with and which are asked for now, if not the same."""
        super().__init__(
            f"coverage is already running in process {pid}; nothing was changed"
            + (f" ({difference})" if difference else ""),
            f"See what ran with:  attach {pid} snapshot\n"
            f"To measure something else, first:  attach {pid} stop-coverage --discard",
        )


class CoverageNotStarted(CoverageError):
    """There is nothing to report or to stop: coverage was not started in the process."""

    slug = "coverage-not-started"

    def __init__(self, pid: int) -> None:
        super().__init__(f"coverage was not started in process {pid}", f"Start it with:  attach {pid} start-coverage")


class CoverageRefused(CoverageError):
    """The process cannot be measured as it is. `case` is the agent's slug for it, one of `REFUSALS`."""

    slug = "coverage-refused"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int, reason: str, case: str = "") -> None:
        if case == "coverage-options-differ":
            reason = f"it has data that was measured with other options ({reason}), and one report cannot hold both"
        super().__init__(f"process {pid} cannot be measured: {reason}", REFUSALS.get(case, _AS_BEFORE).format(pid=pid))
        if case in REFUSALS:
            self.slug = case


class OptionNotUsable(CoverageError):
    """A pattern for the files to measure makes no sense."""

    slug = "bad-option"
    exit_code = EXIT_USAGE

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"an option of start-coverage is not usable: {reason}",
            "Patterns are those of coverage.py:  *  is part of a name,  **  any folders, as in  '**/tests/*'",
        )


class ConfigurationNotUsable(CoverageError):
    """The coverage.py configuration of the process's project, or the file of ``--rcfile``, makes no sense."""

    slug = "configuration-not-usable"
    exit_code = EXIT_USAGE

    def __init__(self, pid: int, path: str, reason: str) -> None:
        super().__init__(
            f"the coverage configuration {path} is not usable: {reason}",
            f"Correct it, name another one with --rcfile, or go without:  attach {pid} start-coverage --no-rcfile",
        )


class TracerUnavailable(CoverageError):
    """coverage.py's compiled tracer for the target's version is needed, and could not be had."""

    slug = "tracer-unavailable"

    def __init__(self, version: str, reason: str, hint: str = "") -> None:
        super().__init__(
            f"coverage.py's tracer for Python {version} cannot be had: {reason}",
            hint or f"Try again by itself:  attach fetch-tracers {version}",
        )


class UnknownName(CoverageError):
    """No moment has the name of ``--since``. `reason` lists those that there are."""

    slug = "unknown-name"
    exit_code = EXIT_USAGE

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"process {pid}: {reason}",
            f"Name a moment with:  attach {pid} snapshot --name NAME\nA reset forgets the names of moments before it.",
        )


class NameNotUsable(CoverageError):
    """A name or a context is too long, or has characters that cannot be shown."""

    slug = "bad-name"
    exit_code = EXIT_USAGE

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"process {pid} refuses that name: {reason}", "Choose a shorter, plain one; nothing was changed."
        )


class TooManyNames(CoverageError):
    """The process keeps as many named moments, or contexts, as it may."""

    slug = "too-many-names"

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"process {pid} keeps no more names: {reason}",
            f"Use a name again, which moves it (attach {pid} status lists them), or forget them all and what ran:\n"
            f"  attach {pid} reset-coverage",
        )


class SavingUnavailable(CoverageError):
    """``--every`` needs SQLite in the process, which it does not have."""

    slug = "saving-unavailable"
    exit_code = EXIT_UNSUPPORTED

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"process {pid} cannot write a data file: {reason}",
            f"Nothing was started. Measure without --every, and fetch the data from time to time:\n"
            f"  attach {pid} snapshot --data=FILE",
        )


class DataFileNotWritable(CoverageError):
    """The process cannot write the data file of ``--every`` where it was asked to."""

    slug = "data-file-not-writable"

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"process {pid} cannot write its data file: {reason}",
            "Nothing was changed. Name a place where the process may write, for instance  --data-file /tmp/.coverage",
        )
