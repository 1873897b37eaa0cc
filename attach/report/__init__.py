"""From the lines that ran to coverage.py's reports, on the operator's side.

::

    data.py       Measured: what a snapshot brings, checked and bounded
    labels.py     the same by label, coverage's contexts
    sources.py    the sources as the target sees them, rights.py with no more rights than it has
    analyses.py   their analysis, by analysis.py in workers.py, by the target's version of Python
    reporter.py   coverage.py's view of these
    outputs.py    where reports go, whole or not at all
    formats.py    write(): all of it

coverage.py is imported by the first `write`, not by importing this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attach.report.data import Measured, Owner, Unreported
from attach.report.request import FORMATS, Format, Options, Progress, ReportResult, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

__all__ = [
    "FORMATS",
    "Format",
    "Measured",
    "Options",
    "Owner",
    "Progress",
    "ReportResult",
    "Unreported",
    "Wanted",
    "write",
]


def write(
    measured: Measured,
    wanted: Sequence[Wanted],
    *,
    out: TextIO,
    options: Options | None = None,
    progress: Progress = lambda _phase, _done, _total: None,
) -> ReportResult:
    """Write the reports `wanted` of what was `measured`.

    Text, and whatever has the path ``-``, goes to `out`. All are rendered before the first is put in its
    place, so that a failure or an interruption leaves earlier reports as they were. Nothing but `out` and the
    places is written to, nothing is printed; `progress` is called in this thread.

    Raises:
        NothingMeasured: no line ran.
        NothingToReport: lines ran, but none in a file that can be shown.
        MeasurementRejected: what was measured cannot be true.
        OutputNotWritable: found before rendering, unless the disk fills up meanwhile.
        ReportConfigNotUsable: the configuration file or a limit is wrong.
    """
    from attach.report.formats import write as write_all  # 100 ms of coverage.py

    return write_all(measured, wanted, out=out, options=options or Options(), progress=progress)
