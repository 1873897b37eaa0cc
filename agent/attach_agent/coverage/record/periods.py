"""What was recorded, cut into periods: for `snapshot --reset`, the moments that `--name` marks, and contexts.

A cut moves what is in the sets of the recording into a new period and has every line reported once more. So a line
that had run before runs "since" the cut again. Lines that run while a cut is made, some milliseconds, are in the
period before it, in the one after it, or in both; never in none.
"""

from __future__ import annotations

import time

from ...errors import AgentError
from ...wire import arc_ends, unpack_arcs, unpack_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .recording import Recording

    #: Path, context, and what ran under it.
    Part = tuple[str, str, bytes]

#: One page of a snapshot ends with the first file that reaches one of these.
PAGE_FILES = 100
PAGE_BYTES = 256 * 1024

#: Names and contexts that are kept. Each costs what ran in its period: a bit per line up to the last one of each
#: file, or some 16 bytes per arc, and some 150 bytes per file.
MAX_NAMES = 50
MAX_CONTEXTS = 50
LONGEST_NAME = 200

#: The newest periods stay apart even if no name needs that: an operator may be about to forget some of them.
KEPT_APART = 8

#: Seconds for which the agent computes until it lets the program's threads have the GIL.
SLICE = 0.002
BREATH = 0.0001


class Breath:
    """To be called between small pieces of work: lets other threads run after each `SLICE`."""

    def __init__(self, pause: Callable[[float], object]) -> None:
        self._pause = pause
        self._began = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._began > SLICE:
            self._pause(BREATH)
            self._began = time.monotonic()


class Period:
    """What ran between two cuts, by path and packed as `Recording.packed` does; the numbers of periods only grow."""

    def __init__(self, number: int, context: str) -> None:
        self.number = number
        self.context = context
        self.files: dict[str, bytes] = {}


class History:
    """The periods of one recording, the present one among them, and the names of moments between them.

    `cut`, `relabel` and `forget` are called by one thread at a time; everything else by any thread at any time.
    """

    def __init__(self, recording: Recording, pause: Callable[[float], object]) -> None:
        self.recording = recording
        self._pause = pause
        #: What records just now, or None.
        self.collector: Any = None
        #: The label of what runs now: coverage.py's static context.
        self.context = ""
        #: All but the present one, oldest first. A new tuple for each change, so that readers may walk over it.
        self.periods: tuple[Period, ...] = ()
        #: Name -> the number of the last period before that moment, and when it was (time.monotonic).
        self.marks: dict[str, tuple[int, float]] = {}
        #: Grows with each cut and each forgetting: the same value means that sets have only grown.
        self.changes = 0
        self._number = 0

    def breath(self) -> Breath:
        """For one piece of work in one thread."""
        return Breath(self._pause)

    def view(self, since: str, name: str, cut: bool) -> View:
        """What ran since the moment `since`, or in all; with `name` or `cut` up to a cut that is made now.

        Raises AgentError: ``unknown-name``, ``too-many-names``, ``bad-name``.
        """
        after = self._moment(since)
        if name:
            self._check_name(name)
        if name or cut:
            self.cut()
        else:
            self.collect()
        if name:
            self.marks[name] = self._number, time.monotonic()
            self._merge()
        return View(self, after, live=not (name or cut))

    def collect(self) -> None:
        """Have all that ran so far in the sets of the recording."""
        collector = self.collector
        if collector is not None:
            collector.collect()

    def cut(self) -> None:
        """End the present period."""
        breathe = self.breath()
        files = self.recording.files
        self.collect()
        period = Period(self._number + 1, self.context)
        # Before anything is taken away: who reads looks at a set first, then at the periods, and finds it in one.
        self.periods += (period,)
        self._number += 1
        self.changes += 1
        try:
            for path in list(files):
                lines = files[path]
                taken = lines.copy()
                if taken:
                    period.files[path] = self.recording.packed(taken)
                    lines -= taken
                breathe()
        finally:
            if self.collector is not None:
                self.collector.restart()
        self._merge()

    def relabel(self, context: str) -> None:
        """What runs from now on belongs to another context. Raises AgentError: ``too-many-names``, ``bad-name``."""
        if context == self.context:
            return
        _check_length(context)
        contexts = self.contexts()
        if context not in contexts and len(contexts) >= MAX_CONTEXTS:
            raise AgentError("too-many-names", "%d contexts are kept already" % MAX_CONTEXTS)
        self.cut()
        self.context = context

    def forget(self, number: int) -> None:
        """Give up the periods up to that number, and the names of moments before its end."""
        self.periods = tuple([period for period in self.periods if period.number > number])
        self.marks = {name: mark for name, mark in self.marks.items() if mark[0] >= number}
        self.changes += 1

    def contexts(self) -> tuple[str, ...]:
        """All labels under which something is kept or may be, in the order of their periods."""
        return tuple(dict.fromkeys([period.context for period in self.periods] + [self.context]))

    def names(self) -> tuple[tuple[str, float], ...]:
        """The names, oldest moment first, and how many seconds ago each was."""
        now = time.monotonic()
        ordered = sorted(self.marks.items(), key=lambda item: item[1])
        return tuple([(name, now - when) for name, (_, when) in ordered])

    def totals(self) -> tuple[int, int]:
        """How many files have lines, and how many lines, or arcs."""
        self.collect()
        if not self.periods:
            return self.recording.totals()
        counts = []
        breathe = self.breath()
        view = View(self, 0, live=True)
        for path in list(self.recording.files):
            parts = [packed for _, packed in view.parts(path)]
            if parts:
                counts.append(_count(union(parts, self.recording.branch), self.recording.branch))
            breathe()
        return len(counts), sum(counts)

    def lines_in(self, path: str) -> set[int]:
        """The lines of a file that have run."""
        parts = [packed for _, packed in View(self, 0, live=True).parts(path)]
        packed = union(parts, self.recording.branch) if parts else b""
        if not self.recording.branch:
            return unpack_lines(packed)
        return {abs(end) for number in unpack_arcs(packed) for end in arc_ends(number)}

    def _moment(self, name: str) -> int:
        if not name:
            return 0
        if name not in self.marks:
            known = ", ".join([known for known, _ in self.names()])
            raise AgentError("unknown-name", "no moment is named %s; there are: %s" % (name, known or "none"))
        return self.marks[name][0]

    def _check_name(self, name: str) -> None:
        _check_length(name)
        if name not in self.marks and len(self.marks) >= MAX_NAMES:
            raise AgentError("too-many-names", "%d moments have names already" % MAX_NAMES)

    def _merge(self) -> None:
        """Unite periods of one context that no name keeps apart, so that only names and contexts cost memory."""
        needed = {number for number, _ in self.marks.values()}
        merged: list[Period] = []
        by_context: dict[str, int] = {}
        breathe = self.breath()
        for period in self.periods[:-KEPT_APART]:
            at = by_context.get(period.context)
            if at is None:
                by_context[period.context] = len(merged)
                merged.append(period)
            else:
                merged[at] = self._united(merged[at], period, breathe)
            if period.number in needed:
                by_context.clear()
        merged.sort(key=lambda period: period.number)
        self.periods = tuple(merged) + self.periods[-KEPT_APART:]

    def _united(self, one: Period, other: Period, breathe: Callable[[], None]) -> Period:
        united = Period(other.number, other.context)
        united.files.update(one.files)
        for path, packed in other.files.items():
            before = united.files.get(path)
            united.files[path] = packed if before is None else union([before, packed], self.recording.branch)
            breathe()
        return united


class View:
    """What one snapshot shows: the periods after a number, and while it is `live` also what runs meanwhile.

    Later cuts and forgetting do not change what it shows.
    """

    def __init__(self, history: History, after: int, *, live: bool) -> None:
        self.history = history
        self.live = live
        self._periods = tuple([period for period in history.periods if period.number > after])
        #: The number to forget all that is shown, and all before.
        self.number = history.periods[-1].number if history.periods else 0

    def parts(self, path: str) -> list[tuple[str, bytes]]:
        """What ran of one file: contexts, a context perhaps more than once, and what ran under each."""
        history = self.history
        periods = self._periods
        parts = []
        if self.live:
            found = history.recording.files.get(path, set()).copy()
            packed = history.recording.packed(found) if found else b""
            if packed:
                parts.append((history.context, packed))
            # a cut since the beginning may have moved lines out of the set: looked at after the set, never before
            periods += tuple([period for period in history.periods if period.number > self.number])
        for period in periods:
            packed = period.files.get(path, b"")
            if packed:
                parts.append((period.context, packed))
        return parts

    def page(self, cursor: int) -> tuple[int, tuple[Part, ...]]:
        """Files and what ran of them from `cursor` on, and the next cursor or -1 at the end.

        The first cursor is 0. A file has a part for each of its periods; files of which nothing ran have none. A file
        discovered during the walk comes last, so it is never missed; what runs meanwhile is in this snapshot or in the
        next.
        """
        names = list(self.history.recording.files)
        breathe = self.history.breath()
        page: list[Part] = []
        size = files = 0
        for index in range(max(cursor, 0), len(names)):
            parts = self.parts(names[index])
            page.extend([(names[index], context, packed) for context, packed in parts])
            files += bool(parts)
            size += sum([len(packed) for _, packed in parts])
            if files >= PAGE_FILES or size >= PAGE_BYTES:
                return index + 1, tuple(page)
            breathe()
        return -1, tuple(page)


def union(parts: list[bytes], branch: bool) -> bytes:
    """What is in any of the parts, packed as they are."""
    if len(parts) == 1:
        return parts[0]
    if branch:
        return b" ".join(sorted(set(b" ".join(parts).split())))
    united = 0
    for packed in parts:
        united |= int.from_bytes(packed, "little")
    return united.to_bytes(max(map(len, parts)), "little")


def _count(packed: bytes, branch: bool) -> int:
    return len(packed.split()) if branch else bin(int.from_bytes(packed, "little")).count("1")


def _check_length(name: str) -> None:
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise AgentError("bad-name", "a name has up to %d printable characters" % LONGEST_NAME)
