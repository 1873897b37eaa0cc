"""coverage.py's view of sources that were read and analyzed elsewhere.

coverage opens the files it reports on itself. A file tracer plug-in (coverage's public API) may bring its own
`FileReporter` for the files that it claims; ours answers from what `attach.report.analyses` knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coverage import Coverage, CoveragePlugin
from coverage.exceptions import NotPython
from coverage.files import relative_filename
from coverage.plugin import CodeRegion, FileReporter

from attach.report.arcs import first_lines_of
from attach.report.plugin_files import PluginFile, PluginFileReporter
from attach.report.sources import decoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from coverage.plugin_support import Plugins

    from attach.report.analyses import Analyses
    from attach.report.answer import Answer
    from attach.report.labels import Labelled
    from attach.report.request import Progress


def first_lines(content: bytes | None) -> dict[int, int]:
    """For lines of statements of several lines the first one; empty if the source cannot be read as Python."""
    try:
        return first_lines_of(decoded(content or b""))
    except (SyntaxError, LookupError):
        return {}


class TargetFileReporter(FileReporter):
    """One Python file whose text and analysis we have, under the path that the target knows."""

    def __init__(self, sources: TargetSources, path: str, content: bytes) -> None:
        super().__init__(path)
        self.relname = relative_filename(path)
        self._sources = sources
        self._content = content
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer:
        """The analysis; a failure is kept for the result, and coverage goes on with the next file."""
        if self._answer is None:
            answer = self._sources.analyses.answer(self.filename)
            if answer.error:
                self._sources.failed[self.filename] = f"not parsed as Python: {answer.error}"
                raise NotPython(f"Couldn't parse '{self.filename}' as Python source: {answer.error}")
            self._answer = answer
        return self._answer

    def should_be_python(self) -> bool:
        """coverage asks this after a NotPython."""
        return True

    def relative_filename(self) -> str:
        """The name in reports."""
        return self.relname

    def source(self) -> str:
        """The text of the file."""
        return decoded(self._content)

    def lines(self) -> set[int]:
        """Statements; what coverage asks for first."""
        statements = self.answer.statements
        self._sources.step()
        return statements

    def excluded_lines(self) -> set[int]:
        """Statements that the configuration leaves out."""
        return self.answer.excluded

    def multiline_map(self) -> dict[int, int]:
        """Lines of statements over several lines, to the first one."""
        return self.answer.multiline

    def translate_lines(self, lines: Iterable[int]) -> set[int]:
        """Lines to the first ones of their statements."""
        return {self.answer.first_line(line) for line in lines}

    def arcs(self) -> set[tuple[int, int]]:
        """All that are possible."""
        return self.answer.arcs

    def translate_arcs(self, arcs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Arcs that ran, as they are shown: coverage asks for no others, and the analysis was told of them."""
        return self.answer.executed

    def exit_counts(self) -> dict[int, int]:
        """Lines to how many ways on they have."""
        return self.answer.exits

    def no_branch_lines(self) -> set[int]:
        """Lines that are not asked to take all of their ways."""
        return self.answer.no_branch

    def missing_arc_description(
        self, start: int, end: int, executed_arcs: Iterable[tuple[int, int]] | None = None
    ) -> str:
        """Why an arc did not run, in words."""
        found = self.answer.described.get((start, end))
        if found is None:
            return f"line {start} didn't jump to {f'line {end}' if end > 0 else 'the function exit'}"
        _, plain, never_started = found
        return never_started if executed_arcs and (end, start) not in executed_arcs else plain

    def arc_description(self, start: int, end: int) -> str:
        """What an arc does, in words."""
        found = self.answer.described.get((start, end))
        return (found and found[0]) or (f"jump to line {end}" if end > 0 else "jump to the function exit")

    def source_token_lines(self) -> list[list[tuple[str, str]]]:
        """The tokens of each line."""
        return self._sources.analyses.tokens(self.filename)

    def code_regions(self) -> Iterable[CodeRegion]:
        """Functions and classes."""
        return self.answer.regions

    def code_region_kinds(self) -> Iterable[tuple[str, str]]:
        """The kinds of region, and their plurals."""
        return [("function", "functions"), ("class", "classes")]


class TargetSources(CoveragePlugin):
    """The plug-in that gives coverage the target's sources.

    `failed` collects, by path, why a file could not be analyzed.
    """

    analyses: Analyses

    def __init__(self) -> None:
        self.failed: dict[str, str] = {}
        #: By path: the files that are no Python, and what their plug-in says.
        self.plugin_files: dict[str, PluginFile] = {}
        self._contents: Mapping[str, bytes] = {}
        self._paths: dict[str, str] = {}
        self.begin("", lambda phase, done, total: None)

    def begin(self, phase: str, progress: Progress) -> None:
        """A report begins: tell `progress` of each file that coverage gets to."""
        self._phase, self._done, self._progress = phase, 0, progress

    def step(self) -> None:
        """coverage has got to one more file."""
        self._done += 1
        self._progress(self._phase, self._done, len(self._paths))

    def register(self, registry: Plugins) -> None:
        """What `Coverage(plugins=[...])` calls."""
        registry.add_file_tracer(self)

    def claim(
        self,
        coverage: Coverage,
        contents: Mapping[str, bytes],
        measured: Sequence[Labelled],
    ) -> list[str]:
        """Put what was `measured` of the files with these `contents` into `coverage`; returns the names it knows.

        `coverage` must have ``[run] relative_files``: otherwise it resolves every name in the operator's file
        system. Its HTML report looks for a file's lines under the absolute path even then (html.py,
        can_skip_file), and would take a page for unchanged, so they are stored under both.
        """
        data = coverage.get_data()
        self._contents = contents
        self._paths = {relative_filename(path): path for path in contents}
        other_names = {path: name for name, path in self._paths.items() if name != path}
        for part in measured:
            part.fill(data)
            part.renamed(other_names.get).fill(data)
        data.add_file_tracers(dict.fromkeys(self._paths, self._coverage_plugin_name))
        return sorted(self._paths)

    def file_reporter(self, filename: str) -> FileReporter:
        """coverage asks for one of the names that `claim` returned."""
        path = self._paths[filename]
        if path in self.plugin_files:
            return PluginFileReporter(path, self.plugin_files[path])
        return TargetFileReporter(self, path, self._contents[path])
