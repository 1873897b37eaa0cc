"""What can be asked for, and what is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from attach.report.data import Unreported

#: Takes what is being done, and how much of how much is done; of 0 where that is not known.
Progress = Callable[[str, int, int], None]

Format = Literal["text", "html", "xml", "json", "lcov", "annotate", "data"]
FORMATS: tuple[Format, ...] = get_args(Format)

#: `Wanted.path` for the stream that `write` is given.
STDOUT = "-"


@dataclass(frozen=True)
class Wanted:
    """One report. `path` None is the configuration's place, or coverage's default (``annotate`` for
    annotate)."""

    format: Format
    path: str | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"no report format {self.format!r}")
        if self.path == STDOUT and self.format in ("html", "annotate", "data"):
            raise ValueError(f"{self.format} is written to files, not to standard output")


@dataclass(frozen=True)
class Options:
    """How to report; None leaves it to the configuration file `rcfile`, or else to coverage's defaults.

    `rcfile` None means what the measurement was started with, "" that none is read.

    `contexts` shows the label of each line in HTML and JSON.
    """

    rcfile: str | None = None
    show_missing: bool | None = None
    fail_under: float | None = None
    contexts: bool | None = None


@dataclass(frozen=True)
class ReportResult:
    """What was written, and what the reader of it should know.

    `written` pairs each format with its place. `total` is in percent; None if only data was written.
    `fail_under` is the limit that `total` is below, else None. `unreported` are files that ran but are not
    shown, `changed` those that are shown as they are now, not as they were when the process started.
    `warnings` are coverage's, `notes` ours.
    """

    written: tuple[tuple[Format, str], ...]
    files: int
    total: float | None
    fail_under: float | None
    unreported: tuple[Unreported, ...]
    changed: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0, or 2 below the limit, as coverage's own."""
        return 0 if self.fail_under is None else 2
