"""What a worker says about a source, checked.

A worker may be the target's own interpreter, so it is believed as little as the target: it can be wrong about which
lines are statements, which harms nobody, but not bring text of its own into a report or keep us busy.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from coverage.plugin import CodeRegion

from attach.report.data import printable

#: As coverage.py words them, with names of functions; no markup.
_WORDS = re.compile(r"[\w .,:;'()\-]{0,300}")
_NAME = re.compile(r"[\w.]{1,2000}")
_TOKEN_CLASS = re.compile(r"[a-z]{2,3}")
_KINDS = ("function", "class")
_LONGEST_REASON = 200

Arc = tuple[int, int]


class Unbelievable(Exception):
    """An answer that no analysis of that source gives."""


@dataclass(frozen=True)
class Answer:
    """One source's analysis. Lines are numbered from 1, a negative end of an arc is a way out of a function.

    `error` says why there is none.
    """

    statements: set[int] = field(default_factory=set)
    excluded: set[int] = field(default_factory=set)
    multiline: dict[int, int] = field(default_factory=dict)
    arcs: set[Arc] = field(default_factory=set)
    exits: dict[int, int] = field(default_factory=dict)
    no_branch: set[int] = field(default_factory=set)
    executed: set[Arc] = field(default_factory=set)
    described: dict[Arc, tuple[str, str, str]] = field(default_factory=dict)
    regions: list[CodeRegion] = field(default_factory=list)
    error: str = ""

    def first_line(self, line: int) -> int:
        """The line that stands for `line`: the first one of its statement."""
        return -self.multiline.get(-line, -line) if line < 0 else self.multiline.get(line, line)


def checked(data: bytes, lines: int) -> Answer:
    """The answer in `data` about a source of so many lines.

    Raises Unbelievable.
    """
    try:
        raw = json.loads(data)
        if "error" in raw:
            return Answer(error=printable(str(raw["error"])[:_LONGEST_REASON]) or "no reason given")
        known = _Check(lines)
        return Answer(
            statements=known.lines(raw["statements"]),
            excluded=known.lines(raw["excluded"]),
            multiline=known.multiline(raw["multiline"]),
            arcs=known.arcs(raw.get("arcs", ())),
            exits=known.exits(raw.get("exits", ())),
            no_branch=known.lines(raw.get("no_branch", ())),
            executed=known.executed(raw.get("executed", ())),
            described=known.described(raw.get("described", ())),
            regions=known.regions(raw.get("regions", ())),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Unbelievable(f"{type(error).__name__}: {error}"[:_LONGEST_REASON]) from None


class _Check:
    """Values about a source of `last` lines; ValueError or TypeError if they cannot be."""

    def __init__(self, last: int) -> None:
        self._last = last

    def lines(self, numbers: list[Any]) -> set[int]:
        """Line numbers."""
        found = set(numbers)
        if not {*map(type, numbers)} <= {int} or (found and (min(found) < 1 or max(found) > self._last)):
            raise ValueError("no line of the source")
        return found

    def line(self, number: Any) -> int:
        """One line number."""
        if type(number) is not int or not 1 <= number <= self._last:
            raise ValueError("no line of the source")
        return number

    def multiline(self, runs: list[Any]) -> dict[int, int]:
        """Line numbers to those that stand for them. Each at most once, or a few bytes could become many lines."""
        found: dict[int, int] = {}
        before = 0
        for first, last, stands in runs:
            if not before < self.line(first) <= self.line(last):
                raise ValueError("lines out of order")
            before = last
            found.update(dict.fromkeys(range(first, last + 1), self.line(stands)))
        return found

    def arc(self, start: Any, end: Any) -> Arc:
        """An arc from a line."""
        if type(end) is not int:
            raise ValueError("no arc")
        return self.line(start), end if self.line(abs(end)) else 0

    def arcs(self, pairs: list[Any]) -> set[Arc]:
        """Arcs from a line to another."""
        found = {self.arc(start, end) for start, end in pairs}
        if any(start == end for start, end in found):
            raise ValueError("an arc to itself")
        return found

    def exits(self, pairs: list[Any]) -> dict[int, int]:
        """How many ways on a line has."""
        found = {self.line(line): count for line, count in pairs}
        if any(type(count) is not int or not 0 <= count <= 2 * self._last for count in found.values()):
            raise ValueError("no number of exits")
        return found

    def executed(self, pairs: list[Any]) -> set[Arc]:
        """Arcs that ran; they may come from outside of a function, or be of another source, if it was changed."""
        if any(type(start) is not int or type(end) is not int for start, end in pairs):
            raise ValueError("no arc")
        return {(start, end) for start, end in pairs if start != end}

    def described(self, rows: list[Any]) -> dict[Arc, tuple[str, str, str]]:
        """Arcs in words."""
        found = {}
        for start, end, does, missing, never in rows:
            if not all(_WORDS.fullmatch(text) for text in (does, missing, never)):
                raise ValueError("no description of an arc")
            found[self.arc(start, end)] = (does, missing, never)
        return found

    def regions(self, rows: list[Any]) -> list[CodeRegion]:
        """Functions and classes. No line is in two of a kind, or few bytes could become many lines."""
        found = []
        left = dict.fromkeys(_KINDS, 2 * self._last)
        for kind, name, start, ranges in rows:
            if kind not in left or not _NAME.fullmatch(name):
                raise ValueError("no region")
            lines: set[int] = set()
            for first, last in ranges:
                left[kind] -= self.line(last) - self.line(first) + 1
                if left[kind] < 0:
                    raise ValueError("regions that overlap")
                lines.update(range(first, last + 1))
            found.append(CodeRegion(kind=kind, name=name, start=self.line(start), lines=lines))
        return found


def checked_tokens(data: bytes, text: str) -> list[list[tuple[str, str]]]:
    """The tokens of each line of the source `text`; a line that they do not make up is shown without colours."""
    lines = text.expandtabs(8).split("\n")[: text.count("\n")]
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError):
        rows = []
    if type(rows) is not list or len(rows) > len(lines):
        rows = []
    rows += [None] * (len(lines) - len(rows))
    return [_line_tokens(row, line) for row, line in zip(rows, lines, strict=True)]


def _line_tokens(row: Any, line: str) -> list[tuple[str, str]]:
    try:
        tokens = [(kind, text) for kind, text in row]
        if "".join(text for _, text in tokens).rstrip() == line.rstrip() and all(
            _TOKEN_CLASS.fullmatch(kind) for kind, _ in tokens
        ):
            return tokens
    except (TypeError, ValueError):
        pass
    return [("xx", line)] if line.strip() else []
