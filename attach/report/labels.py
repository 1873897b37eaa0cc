"""Which lines ran under which label (coverage's contexts), by the names that reports have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from attach.report import arcs as branches
from attach.report.data import absolute_path, either, fill, lines_of, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from coverage import CoverageData

    from attach.report.data import Measured

#: Labels beyond that number, and what of them is longer, are a hostile target's.
MAX_LABELS = 1000
LONGEST = 200


@dataclass(frozen=True)
class Labelled:
    """What ran under one label: packed lines by path, and with branches arcs of the same paths."""

    context: str
    lines: Mapping[str, bytes]
    arcs: Mapping[str, bytes] | None

    def renamed(self, name: Callable[[str], str | None]) -> Labelled:
        """The same under other names; files without one are left out, several with the same one are united."""
        lines: dict[str, bytes] = {}
        arcs: dict[str, bytes] = {}
        for path, numbits in self.lines.items():
            new = name(path)
            if new is not None:
                lines[new] = either(lines.get(new, b""), numbits)
                if self.arcs is not None:
                    arcs[new] = branches.either(arcs.get(new, b""), self.arcs[path])
        return Labelled(self.context, lines, None if self.arcs is None else arcs)

    def fill(self, data: CoverageData) -> None:
        """Put it into coverage's data."""
        fill(data, self.lines, self.context, self.arcs)


def labelled(measured: Measured, sound: Mapping[str, bytes]) -> list[Labelled]:
    """What ran under each label of a measurement; `sound` are the paths that `check` has let pass."""
    found = []
    for context, files in list(measured.labels.items())[:MAX_LABELS]:
        packed: dict[str, bytes] = {}
        union = either if measured.arcs is None else branches.either
        for path, some in files.items():
            absolute = absolute_path(measured, path)
            if absolute in sound:
                packed[absolute] = union(packed.get(absolute, b""), some)
        arcs = None if measured.arcs is None else packed
        lines = packed if arcs is None else {path: lines_of(some) for path, some in arcs.items()}
        found.append(Labelled(printable(context)[:LONGEST], lines, arcs))
    return found
