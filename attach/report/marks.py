"""What a reader of a report must know about its sources, in the report itself.

Nothing changes for a report whose files are all shown as they ran. LCOV, annotated sources and the data file have no
place for it: readers of these formats take every line for something of theirs.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attach.report.data import Unreported
    from attach.report.request import Format

CHANGED = "changed since the process started, lines may be off"
_STYLE = "margin: 0; padding: .5rem 3.5rem; background: #fee; color: #600"


@dataclass(frozen=True)
class Marks:
    """By the names that a report uses: `changed` sources, and files that are `missing` from it, with the reason."""

    changed: tuple[str, ...]
    missing: tuple[Unreported, ...]

    def put(self, format: Format, place: str) -> None:
        """Put them into a rendered report. Raises OSError."""
        if not (self.changed or self.missing):
            return
        match format:
            case "text":
                with open(place, "a", encoding="utf-8") as file:
                    file.writelines(f"{line}\n" for line in ("", *self._lines()))
            case "json":
                told = {
                    "changed_sources": list(self.changed),
                    "missing_sources": {file.path: file.reason for file in self.missing},
                }
                _insert(place, r'"meta": \{', f'"live_attach": {json.dumps(told)}, ', after=True)
            case "xml":
                comments = (line.replace("--", "-\\x2d") for line in self._lines())
                _insert(place, r"\?>\n", "".join(f"<!-- {line} -->\n" for line in comments), after=True)
            case "html":
                shown = "<br>".join(map(escape, self._lines()))
                _insert(os.path.join(place, "index.html"), "<footer>", f'<p style="{_STYLE}">{shown}</p>\n')

    def _lines(self) -> Iterator[str]:
        for name in self.changed:
            yield f"{name}: {CHANGED}"
        for file in self.missing:
            yield f"{file.path}: not shown: {file.reason}"


def mark_page(page: str) -> None:
    """Mark one page of an HTML report as that of a changed source. Raises OSError."""
    _insert(page, '<main id="source">', f'<p style="{_STYLE}">This source has {CHANGED}.</p>\n')


def _insert(path: str, pattern: str, text: str, *, after: bool = False) -> None:
    """Put `text` before or after the first match of `pattern` in a file, if there is one."""
    with open(path, encoding="utf-8", newline="") as file:
        content = file.read()
    found = re.search(pattern, content)
    if found is not None:
        place = found.end() if after else found.start()
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(content[:place] + text + content[place:])
