"""What was measured: for each file a set of line numbers, or of arcs and trails (`wire`) where branches are measured.

The target's threads only ever look a set up and add to it; the agent copies it (``set.copy``) and takes away what it
has copied (``set -= copy``). CPython does each of these with numbers in one hold of the GIL (Objects/setobject.c: only
plain ints are hashed and compared). So nothing is lost in between, and no lock is needed anywhere.
"""

from __future__ import annotations

from ...source import OperatorSource
from ...wire import arc, pack_arcs, pack_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..scope import Scope

#: Line numbers above are not recorded in a snapshot: nobody writes such files, but `code.replace` can claim
#: anything.
MAX_LINE = 1_000_000

#: File names that are remembered. A program that invents file names without end must not fill its memory with
#: ours.
MAX_FILENAMES = 100_000


class Recording:
    """The lines that ran, by file, of one scope; with `branch` the arcs."""

    def __init__(self, scope: Scope, branch: bool = False) -> None:
        self.scope = scope
        self.branch = branch
        #: Why what was recorded cannot be trusted, empty if it can.
        self.spoiled = ""
        #: The names of tools that have traced threads meanwhile, which therefore were not measured.
        self.others: set[str] = set()
        #: The tracers of coverage.py before 2026 pack arcs with 20 bits for a line, where `wire.arc` has 28. The sets
        #: hold what the tracer puts there.
        self.narrow_arcs = False
        #: Absolute path -> lines or arcs, in the order of discovery; only `lines_of` adds to it.
        self.files: dict[str, set[int]] = {}
        #: ``co_filename`` -> the set of its file, or None for a file that is left out. Collectors read it
        #: directly.
        self.by_code_name: dict[str, set[int] | None] = {}
        #: Absolute path -> name of the plug-in that measures it, for files that are no Python.
        self.plugin_files: dict[str, str] = {}

    def lines_of(self, filename: str, module_globals: dict[str, Any]) -> set[int] | None:
        """The set that collects the lines or arcs of code with this ``co_filename``, or None if it is not measured.

        Called in the target's threads, once per name; see `Scope.admits`.
        """
        try:
            return self.by_code_name[filename]
        except KeyError:
            pass
        if filename[:1] == "<" or len(self.by_code_name) >= MAX_FILENAMES:
            return None
        if type(dict.get(module_globals, "__loader__")) is OperatorSource:
            return None  # not remembered: the program may have a file of this name too
        path = self.scope.admits(filename, module_globals)
        lines = None if path is None else self.files.setdefault(path, set())
        return self.by_code_name.setdefault(filename, lines)

    def admits_claimed(self, filename: str, module_globals: dict[str, Any], plugin: str) -> bool:
        """Is a file measured that a plug-in has named for code with these globals? Called in the target's threads."""
        if len(self.by_code_name) >= MAX_FILENAMES:
            return False
        path = self.scope.admits(filename, module_globals)
        if path is None:
            self.by_code_name.setdefault(filename, None)
            return False
        self.plugin_files[path] = plugin
        self.by_code_name.setdefault(filename, self.files.setdefault(path, set()))
        return True

    def packed(self, found: set[int]) -> bytes:
        """What ran of one file as it is kept and sent: `wire.pack_lines`, or with branches `wire.pack_arcs`."""
        if not self.branch:
            return pack_lines(_sound(found))
        return pack_arcs(set(map(_widened, found)) if self.narrow_arcs else found)

    def arc(self, start: int, end: int) -> int:
        """An arc as the sets hold it."""
        return _narrowed(start, end) if self.narrow_arcs else arc(start, end)

    def totals(self) -> tuple[int, int]:
        """How many files have lines, and how many lines, or arcs, since they were last taken away."""
        counts = [len(self.files[name]) for name in list(self.files)]
        return sum(1 for count in counts if count), sum(counts)

    def left_out(self, limit: int) -> tuple[tuple[str, int], ...]:
        """The `limit` largest groups of files that ran but are out of scope: (package or folder, files)."""
        groups: dict[str, int] = {}
        for name in list(self.by_code_name):
            if self.by_code_name[name] is None:
                group = self.scope.group_of(name)
                groups[group] = groups.get(group, 0) + 1
        ordered = sorted(groups.items(), key=lambda item: (-item[1], item[0]))
        return tuple(ordered[:limit])

    def is_full(self) -> bool:
        """Have so many file names been seen that new ones are not measured any more?"""
        return len(self.by_code_name) >= MAX_FILENAMES


def _sound(lines: set[int]) -> set[int]:
    """`lines` without numbers that no source file has."""
    if min(lines) >= 0 and max(lines) <= MAX_LINE:
        return lines
    return {line for line in lines if 0 <= line <= MAX_LINE}


def _narrowed(start: int, end: int) -> int:
    """An arc as the C tracer of coverage.py before 2026 packs it."""
    return abs(start) | abs(end) << 20 | (start < 0) << 40 | (end < 0) << 41


def _widened(number: int) -> int:
    """The arc that `_narrowed` has packed, as `wire.arc` does it."""
    start, end = number & 0xFFFFF, number >> 20 & 0xFFFFF
    return arc(-start if number >> 40 & 1 else start, -end if number >> 41 & 1 else end)
