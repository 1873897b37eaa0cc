"""Measuring cannot be started, stopped or read."""

from attach.errors.base import EXIT_BUSY, AttachError


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


class TracerUnavailable(CoverageError):
    """A target before Python 3.12 needs coverage.py's compiled tracer, and it could not be fetched."""

    slug = "tracer-unavailable"

    def __init__(self, version: str, reason: str) -> None:
        super().__init__(
            f"measuring Python {version} needs coverage.py's tracer for that version: {reason}",
            f"Fetch it once, while a package index can be reached:  attach fetch-tracers {version}",
        )
