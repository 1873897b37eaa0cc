"""Rendering with coverage.py: text, HTML, XML, JSON, LCOV, annotated sources and its data file."""

from __future__ import annotations

import io
import sqlite3
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from coverage import Coverage, CoverageData
from coverage.exceptions import DataError, NoDataError
from coverage.files import PathAliases, relative_filename
from coverage.results import should_fail_under

from attach.errors import NothingToReport, OutputNotWritable
from attach.report import analysis, names
from attach.report import arcs as branches
from attach.report.analyses import Analyses, settings_of
from attach.report.data import Checked, Measured, Unreported, check, either, printable, report_name
from attach.report.labels import Labelled, labelled
from attach.report.library import as_library, told
from attach.report.marks import Marks
from attach.report.outputs import Output, output_for
from attach.report.pages import write_pages
from attach.report.reporter import TargetSources, first_lines
from attach.report.request import STDOUT, Format, Options, Progress, ReportResult, Wanted
from attach.report.sources import Source, read_local, read_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

#: A format's place, or the setting that tells it. coverage annotates beside the sources, which are the
#: target's.
_PLACES: dict[Format, str] = {
    "html": "html:directory",
    "xml": "xml:output",
    "json": "json:output",
    "lcov": "lcov:output",
    "data": "run:data_file",
    "text": STDOUT,
    "annotate": "annotate",
}


#: HTML has pages to render afterwards.
_PHASES = {"html": "Counting"}


def write(
    measured: Measured, wanted: Sequence[Wanted], *, out: TextIO, options: Options, progress: Progress
) -> ReportResult:
    """`attach.report.write`, which see."""
    with ExitStack() as stack:
        caught = stack.enter_context(as_library())
        report = _Report(measured, check(measured), options, wanted, progress)
        outputs = [stack.enter_context(report.output(want, out)) for want in wanted]
        stack.enter_context(report.analyses.spool)
        totals = [report.render(want, output) for want, output in zip(wanted, outputs, strict=True)]
        total = next((total for total in totals if total is not None), None)
        total, missed = report.limit_missed(total)
        report.require_something_shown()
        for output in outputs:
            output.place()
    return ReportResult(
        written=tuple((want.format, output.path) for want, output in zip(wanted, outputs, strict=True)),
        files=report.shown(),
        total=total,
        fail_under=missed,
        unreported=report.unreported(),
        changed=report.changed,
        warnings=tuple(told(caught)),
        notes=report.notes(),
    )


class _Report:
    """One measurement in coverage's hands."""

    def __init__(
        self,
        measured: Measured,
        checked: Checked,
        options: Options,
        wanted: Sequence[Wanted],
        progress: Progress,
    ) -> None:
        self._measured = measured
        self._progress = progress
        self._options = options
        self._analyzed = [want.format for want in wanted if want.format != "data"]
        self._plugin = TargetSources()
        self._coverage = Coverage(data_file=None, config_file=options.rcfile or False, plugins=[self._plugin.register])
        self._settings = measured.settings if options.rcfile is None else None
        if self._settings is not None:
            self._settings.apply(self._coverage, places=measured.is_ours)
        self._relative = bool(self._coverage.get_option("run:relative_files"))
        aliases = names.aliases(self._coverage, self._settings)
        names.settle(self._coverage)
        sources = read_sources(measured, checked.lines.keys() - measured.plugin_files.keys())
        for path in checked.lines.keys() & measured.plugin_files.keys():
            file = measured.plugin_files[path]
            sources[path] = Source(path, None if file.problem else file.source.encode(), file.problem)
        self._coverage.get_data()  # fixes the working directory that names are relative to
        self._unreported = list(checked.unreported)
        self._lines: dict[str, bytes] = {}
        for path, numbits in checked.lines.items():
            self._lines[sources[path].path] = either(self._lines.get(sources[path].path, b""), numbits)
        self._arcs = None if checked.arcs is None else self._settled(checked.arcs, sources)
        self._labelled = self._by_label(checked, sources)
        self.changed = tuple(sorted({printable(source.path) for source in sources.values() if source.changed}))
        self._changed_names: tuple[str, ...] = ()
        self._names = self._claim({source.path: source for source in sources.values()}, aliases)

    def _by_label(self, checked: Checked, sources: dict[str, Source]) -> list[Labelled]:
        """What ran, by label and by the paths of the sources."""
        found = labelled(self._measured, checked.lines)
        if not found:
            return [Labelled(self._measured.context, self._lines, self._arcs)]
        renamed = [part.renamed(lambda path: sources[path].path) for part in found]
        by_path = {source.path: source for source in sources.values()}
        return [replace(part, arcs=part.arcs and self._settled(part.arcs, by_path)) for part in renamed]

    def _mapped(self, names: Iterable[str]) -> dict[str, Source]:
        """The sources that ``[paths]`` lead to: the operator's own, or by the project's own settings, the target's."""
        if self._settings is not None:
            return {name: source for name, source in read_sources(self._measured, names).items() if source.content}
        return {name: read_local(name) for name in names}

    def _claim(self, sources: dict[str, Source], aliases: PathAliases) -> list[str]:
        """Give coverage the files that have a source; returns the names it knows them by."""
        contents: dict[str, bytes] = {}
        lines: dict[str, bytes] = {}
        arcs: dict[str, bytes] = {}
        claimed: dict[str, str] = {}
        found = {path: aliases.map(path) for path in sources}
        mapped = self._mapped({name for path, name in found.items() if name != path})
        for path, source in sources.items():
            name = found[path] if found[path] in mapped else path
            local = mapped.get(name, source)
            name = report_name(names.relative_name(name, self._settings) if self._relative else name)
            if local.content is None:
                self._unreported.append(Unreported(name, local.problem))
            else:
                contents[name] = local.content
                claimed[path] = name
                if path in self._measured.plugin_files:
                    self._plugin.plugin_files[name] = self._measured.plugin_files[path]
                if local.changed:
                    self._changed_names += (relative_filename(name),)
                lines[name] = either(lines.get(name, b""), self._lines[path])
                if self._arcs is not None:
                    arcs[name] = branches.either(arcs.get(name, b""), self._arcs[path])
        self.analyses = Analyses(
            self._measured,
            {name: content for name, content in contents.items() if name not in self._plugin.plugin_files},
            arcs,
            settings=settings_of(self._coverage),
            wanted=self._needs(),
            progress=self._progress,
        )
        self._plugin.analyses = self.analyses
        return self._plugin.claim(self._coverage, contents, [part.renamed(claimed.get) for part in self._labelled])

    @staticmethod
    def _settled(arcs: Mapping[str, bytes], sources: Mapping[str, Source]) -> dict[str, bytes]:
        """The arcs by the paths of the sources, told from trails with their help."""
        found: dict[str, bytes] = {}
        for path, packed in arcs.items():
            source = sources[path]
            settled = branches.settled(packed, partial(first_lines, source.content))
            found[source.path] = branches.either(found.get(source.path, b""), settled)
        return found

    def _needs(self) -> list[str]:
        """What the reports need to know of a source beside its lines."""
        found = [analysis.ARCS] if self._measured.arcs is not None else []
        if not {"html", "json", "lcov"}.isdisjoint(self._analyzed):
            found.append(analysis.REGIONS)
        if "html" in self._analyzed:
            found.append(analysis.TOKENS)
        return found

    def output(self, want: Wanted, out: TextIO) -> Output:
        """The place of a report."""
        path = want.path
        if path is None:
            place = _PLACES[want.format]
            path = str(self._coverage.get_option(place)) if ":" in place else place
        return output_for(want.format, path, out)

    def render(self, want: Wanted, output: Output) -> float | None:
        """Render one report to where it is staged; returns the total in percent if the format has one.

        Raises:
            OutputNotWritable: the disk is full.
            NothingToReport: no file can be shown.
        """
        if want.format != "data":
            self.analyses.prepare()
        try:
            total = self._render(want.format, output.staged)
            self._mark(want.format, output.staged)
        except NoDataError as error:
            raise NothingToReport(self._measured.pid, self._reasons()) from error
        except (DataError, sqlite3.Error) as error:
            raise OutputNotWritable(output.path, str(error).rpartition(": ")[2]) from error
        except OSError as error:
            raise output.failed(error) from error
        return total

    def _mark(self, wanted: Format, staged: str) -> None:
        """Say in the report which sources have changed and which are missing."""
        if wanted != "text" or self._coverage.get_option("report:format") != "total":
            Marks(self._changed_names, self.unreported()).put(wanted, staged)

    def _render(self, wanted: Format, staged: str) -> float | None:
        coverage, names, contexts = self._coverage, self._names, self._options.contexts
        if wanted != "data" and not names:
            raise NoDataError
        self._plugin.begin(_PHASES.get(wanted, f"Writing {wanted}"), self._progress)
        match wanted:
            case "text":
                with open(staged, "w", encoding="utf-8") as file:
                    return coverage.report(names, self._options.show_missing, ignore_errors=True, file=file)
            case "html":
                return write_pages(
                    coverage, names, staged, contexts, progress=self._progress, changed=self._changed_names
                )
            case "xml":
                return coverage.xml_report(names, staged, ignore_errors=True)
            case "json":
                return coverage.json_report(names, staged, ignore_errors=True, show_contexts=contexts)
            case "lcov":
                return coverage.lcov_report(names, staged, ignore_errors=True)
            case "annotate":
                coverage.annotate(names, staged, ignore_errors=True)
            case "data":
                self._save(staged)
        return None

    def _save(self, place: str) -> None:
        """Write a data file that needs nothing of ours: `coverage report` and `coverage combine` take it."""
        data = CoverageData(basename=place)
        for part in self._labelled:
            (part.renamed(lambda p: names.relative_name(p, self._settings)) if self._relative else part).fill(data)
        tracers = {path: file.plugin for path, file in self._measured.plugin_files.items() if path in self._lines}
        data.add_file_tracers(
            {names.relative_name(p, self._settings) if self._relative else p: name for p, name in tracers.items()}
        )
        data.write()

    def limit_missed(self, total: float | None) -> tuple[float | None, float | None]:
        """The total, and the limit of ``fail_under`` if the total is below it."""
        limit = self._options.fail_under
        if limit is None:
            limit = float(cast(float, self._coverage.get_option("report:fail_under")))
        if not limit:
            return total, None
        if total is None:
            self.analyses.prepare()
            try:
                total = self._coverage.report(self._names, ignore_errors=True, file=io.StringIO())
            except NoDataError as error:
                raise NothingToReport(self._measured.pid, self._reasons()) from error
        precision = cast(int, self._coverage.get_option("report:precision"))
        return total, limit if should_fail_under(total, limit, precision) else None

    def require_something_shown(self) -> None:
        """XML, JSON and LCOV reports of no file at all are no reports."""
        if self._analyzed and not self.shown():
            raise NothingToReport(self._measured.pid, self._reasons())

    def shown(self) -> int:
        """The number of files with a source that could be analyzed."""
        return len(self._names) - len(self._plugin.failed)

    def unreported(self) -> tuple[Unreported, ...]:
        """The files that ran and are not shown."""
        failed = [Unreported(path, reason) for path, reason in self._plugin.failed.items()]
        return tuple(sorted(self._unreported + failed, key=lambda file: file.path))

    def _reasons(self) -> tuple[tuple[str, str], ...]:
        return tuple((file.path, file.reason) for file in self.unreported())

    def notes(self) -> tuple[str, ...]:
        """What to know when reading these reports."""
        problems = (f"The plug-in {name} has no effect: {why}." for name, why in self._measured.plugin_problems)
        return (*map(printable, problems), *self._notes_of_full(), *self._notes_of_version())

    def _notes_of_full(self) -> tuple[str, ...]:
        if not self._measured.full:
            return ()
        return ("the process has run code of 100,000 file names, and what came later was not measured",)

    def _notes_of_version(self) -> tuple[str, ...]:
        return (self.analyses.note,) if self.analyses.note else ()
