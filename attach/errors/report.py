"""What was measured could not be turned into a report."""

import shlex

from attach.errors.base import EXIT_USAGE, AttachError


class ReportError(AttachError):
    """What was measured could not be turned into a report; the measurement itself goes on."""


#: The agent's name for it (attach_agent.coverage.scope).
_STANDARD_LIBRARY = "the standard library"


class NothingMeasured(ReportError):
    """No line of the code that is measured ran.

    `left_out` names the packages and folders that did run but are not measured, with the number of their files.
    `configuration` is the file that the measurement goes by.
    """

    slug = "nothing-measured"

    def __init__(self, pid: int, left_out: tuple[tuple[str, int], ...] = (), configuration: str = "") -> None:
        if left_out:
            shown = ", ".join(f"{name} ({files} file{'s'[files == 1 :]})" for name, files in left_out[:10])
            named = [name for name, _ in left_out if name != _STANDARD_LIBRARY]
            option = f"--source {shlex.quote(named[0])}" if named else "-L"
            more = f" and {len(left_out) - 10} more" if len(left_out) > 10 else ""
            without = " --no-rcfile" if configuration else ""
            by = f", which goes by {configuration}" if configuration else ""
            hint = (
                f"What did run is left out of the measurement{by}: {shown}{more}.\n"
                f"A server's workers are processes of their own: see  attach ps  and attach to one of them.\n"
                f"Or measure what is left out:\n"
                f"  attach {pid} stop-coverage --discard\n"
                f"  attach {pid} start-coverage{without} {option}"
            )
        else:
            hint = (
                "No Python code ran in any thread since the measurement began: let the process do some work, "
                f"then ask again:  attach {pid} snapshot"
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
        super().__init__(
            f"the coverage configuration is not usable: {reason}",
            "Correct the file of --rcfile, or the number of --fail-under.",
        )


class AnalysisUnavailable(ReportError):
    """coverage.py's modules that analyze sources as the process's version of Python sees them could not be fetched."""

    slug = "analysis-unavailable"

    def __init__(self, version: str, reason: str) -> None:
        super().__init__(
            f"reports for Python {version} need coverage.py's modules for that version: {reason}",
            "pip fetches them once from a package index; then they are kept in ~/.cache/live-attach/analysis.\n"
            "Let an index be reached, for instance with  PIP_INDEX_URL=...  or  HTTPS_PROXY=...  before  attach",
        )
        self.reason = reason


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
