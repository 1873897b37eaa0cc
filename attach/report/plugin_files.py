"""Files that a coverage.py plug-in in the target has measured, such as templates: what it says about them, as data.

The plug-in is code of the target's, so it stays there. Its ``FileReporter`` was asked there, with the target's rights,
and what it answered is given to coverage.py here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coverage.plugin import FileReporter

from attach_agent.wire import unpack_lines

#: Classes of tokens (coverage/plugin.py, FileReporter.source_token_lines); they go into a page as they are.
_TOKENS = frozenset({"com", "key", "nam", "num", "op", "str", "ws", "txt"})
_MAX_SOURCE = 4 << 20
_MAX_LINE = 100_000


@dataclass(frozen=True)
class PluginFile:
    """One file. With a `problem` the plug-in could not tell about it."""

    plugin: str
    problem: str = ""
    source: str = ""
    lines: frozenset[int] = frozenset()
    excluded: frozenset[int] = frozenset()
    no_branch: frozenset[int] = frozenset()
    translated: Mapping[int, frozenset[int]] = field(default_factory=dict)
    arcs: frozenset[tuple[int, int]] = frozenset()
    exits: Mapping[int, int] = field(default_factory=dict)
    tokens: tuple[tuple[tuple[str, str], ...], ...] = ()

    @classmethod
    def from_pairs(cls, plugin: str, pairs: Any) -> PluginFile:
        """What the agent answers (``attach_agent.coverage.tracer.plugins``); a problem if it makes no sense."""
        try:
            found = dict(pairs)
            if "problem" in found:
                return cls(plugin, problem=str(found["problem"])[:1000])
            source = found["source"]
            if not isinstance(source, str) or len(source) > _MAX_SOURCE:
                return cls(plugin, problem="its source is too large, or no text")
            return cls(
                plugin,
                source=source,
                lines=_lines(found["lines"]),
                excluded=_lines(found["excluded"]),
                no_branch=_lines(found.get("no_branch", b"")),
                translated={_line(line): frozenset(map(_line, into)) for line, into in found.get("translated", ())},
                arcs=frozenset((_line(first), _line(last)) for first, last in found.get("arcs", ())),
                exits={_line(line): _line(count) for line, count in found.get("exits", ())},
                tokens=tuple(tuple(map(_token, line)) for line in found.get("tokens", ())),
            )
        except (KeyError, TypeError, ValueError):
            return cls(plugin, problem="what its plug-in says makes no sense")


def _line(number: Any) -> int:
    if type(number) is not int or abs(number) > _MAX_LINE:
        raise ValueError(number)
    return number


def _lines(numbits: Any) -> frozenset[int]:
    if type(numbits) is not bytes or len(numbits) > _MAX_LINE:
        raise ValueError(numbits)
    return frozenset(unpack_lines(numbits))


def _token(token: Any) -> tuple[str, str]:
    kind, text = token
    if kind not in _TOKENS or type(text) is not str:
        raise ValueError(kind)
    return kind, text


class PluginFileReporter(FileReporter):
    """The plug-in's own reporter, as far as coverage.py's reports can tell."""

    def __init__(self, path: str, file: PluginFile) -> None:
        super().__init__(path)
        self._file = file

    def source(self) -> str:
        return self._file.source

    def lines(self) -> set[int]:
        return set(self._file.lines)

    def excluded_lines(self) -> set[int]:
        return set(self._file.excluded)

    def no_branch_lines(self) -> set[int]:
        return set(self._file.no_branch)

    def translate_lines(self, lines: Iterable[int]) -> set[int]:
        translated = self._file.translated
        return {into for line in lines for into in translated.get(line, (line,))}

    def arcs(self) -> set[tuple[int, int]]:
        return set(self._file.arcs)

    def exit_counts(self) -> dict[int, int]:
        return dict(self._file.exits)

    def source_token_lines(self) -> Iterable[list[tuple[str, str]]]:
        if not self._file.tokens:
            yield from super().source_token_lines()
        for line in self._file.tokens:
            yield list(line)
