"""coverage.py's analysis of sources that were read elsewhere.

coverage opens the files it reports on itself. A file tracer plug-in (coverage's public API) may bring its own
`FileReporter` for the files that it claims; ours is coverage's own one for Python, given the text.
"""

from __future__ import annotations

import tokenize
from io import BytesIO
from typing import TYPE_CHECKING

from coverage import Coverage, CoveragePlugin
from coverage.exceptions import NotPython
from coverage.files import relative_filename
from coverage.parser import PythonParser
from coverage.plugin import CodeRegion, FileReporter
from coverage.python import PythonFileReporter

from attach.report.arcs import first_lines_of
from attach.report.data import fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from coverage.plugin_support import Plugins


def decoded(content: bytes) -> str:
    """The text of a Python source, as coverage (python.py, get_python_source) makes it.

    Raises:
        SyntaxError: it declares an encoding that does not exist.
    """
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\f", b" ")
    encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    text = content.decode(encoding, "replace")
    return text if text.endswith("\n") or not text else text + "\n"


def first_lines(content: bytes | None) -> dict[int, int]:
    """For lines of statements of several lines the first one; empty if the source cannot be read as Python."""
    try:
        return first_lines_of(decoded(content or b""))
    except (SyntaxError, LookupError):
        return {}


class TargetFileReporter(PythonFileReporter):
    """coverage's reporter of a Python file whose text we have, under the path that the target knows."""

    def __init__(self, sources: TargetSources, coverage: Coverage, path: str, content: bytes) -> None:
        # not PythonFileReporter's own: it looks for the file here, in the operator's file system
        FileReporter.__init__(self, path)
        self.coverage = coverage
        self.relname = relative_filename(path)
        self._sources = sources
        self._content = content
        self._parser: PythonParser | None = None

    @property
    def parser(self) -> PythonParser:
        """The parsed source; a failure is kept for the result, and coverage goes on with the next file."""
        if self._parser is None:
            try:
                parser = PythonParser(text=self.source(), filename=self.filename, exclude=self._sources.exclude)
                parser.parse_source()
            except NotPython as error:
                # coverage's sentence names the file, we only need what follows
                reason = str(error).partition(" as Python source: ")[2] or str(error)
                self._sources.failed[self.filename] = f"not parsed as Python: {reason}"
                raise
            except (SyntaxError, ValueError, RecursionError, MemoryError, LookupError) as error:
                self._sources.failed[self.filename] = f"not parsed as Python: {error}"
                raise NotPython(f"Couldn't parse '{self.filename}': {error}") from error
            self._parser = parser
        return self._parser

    def source(self) -> str:
        """The text of the file."""
        return decoded(self._content)

    def code_regions(self) -> Iterable[CodeRegion]:
        """Functions and classes; none if they are nested deeper (``elif`` counts) than coverage can walk."""
        try:
            return super().code_regions()
        except RecursionError:
            return []


class TargetSources(CoveragePlugin):
    """The plug-in that gives coverage the target's sources.

    With `keep`, a reporter is handed out again, so that several reports parse a file once; it costs the
    memory of all of them. `failed` collects, by path, why a file could not be analyzed.
    """

    def __init__(self, *, keep: bool) -> None:
        self.failed: dict[str, str] = {}
        self.exclude = ""
        self._contents: Mapping[str, bytes] = {}
        self._keep = keep
        self._kept: dict[str, TargetFileReporter] = {}
        self._paths: dict[str, str] = {}
        self._coverage: Coverage | None = None

    def register(self, registry: Plugins) -> None:
        """What `Coverage(plugins=[...])` calls."""
        registry.add_file_tracer(self)

    def claim(
        self,
        coverage: Coverage,
        contents: Mapping[str, bytes],
        lines: Mapping[str, bytes],
        arcs: Mapping[str, bytes] | None,
        context: str,
    ) -> list[str]:
        """Put `lines`, or `arcs`, of the files with these `contents` into `coverage`; returns the names it knows.

        `coverage` must have ``[run] relative_files``: otherwise it resolves every name in the operator's file
        system. Its HTML report looks for a file's lines under the absolute path even then (html.py,
        can_skip_file), and would take a page for unchanged, so they are stored under both.
        """
        data = coverage.get_data()
        self._coverage, self._contents = coverage, contents
        self.exclude = "|".join(f"(?:{regex})" for regex in coverage.get_exclude_list())
        self._paths = {relative_filename(path): path for path in contents}
        other_names = {name: path for name, path in self._paths.items() if name != path}
        fill(data, lines, context, arcs)
        fill(
            data,
            {name: lines[path] for name, path in other_names.items()},
            context,
            None if arcs is None else {name: arcs[path] for name, path in other_names.items()},
        )
        data.add_file_tracers(dict.fromkeys(self._paths, self._coverage_plugin_name))
        return sorted(self._paths)

    def file_reporter(self, filename: str) -> FileReporter:
        """coverage asks for one of the names that `claim` returned."""
        assert self._coverage is not None
        reporter = self._kept.get(filename)
        if reporter is None:
            path = self._paths[filename]
            reporter = TargetFileReporter(self, self._coverage, path, self._contents[path])
            if self._keep:
                self._kept[filename] = reporter
        return reporter
