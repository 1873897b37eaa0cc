"""What is armed: lines of files, and lines of single code objects."""

from __future__ import annotations

from _weakref import ref

from .files import canonical
from .lines import lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

_NONE: frozenset[int] = frozenset()


class Armed:
    """Is changed by one thread at a time, and asked by all the program's.

    What is asked often is remembered in dictionaries, which each change replaces: `by_name` has the armed lines of a
    ``co_filename``, `by_code` those of a code object by id, as long as it lives.
    """

    def __init__(self) -> None:
        #: (canonical name, line)
        self._lines: set[tuple[str, int]] = set()
        #: (id(code), line), the code object, and the canonical name of its file
        self._single: dict[tuple[int, int], tuple[CodeType, str]] = {}
        self._last_parts: frozenset[str] = frozenset()
        #: the last parts of links to such files
        self._links: frozenset[str] = frozenset()
        #: weak references, which take a code object that ends out of `by_code`
        self._alive: dict[int, ref[CodeType]] = {}
        self.by_name: dict[str, frozenset[int]] = {}
        self.by_code: dict[int, frozenset[int]] = {}
        #: (``co_filename``, True) -> the lines, or True where that is not known or `look_at_all` says so
        self.named: Callable[[str, bool], Any] = self.by_name.get
        #: the same of (id(code), True)
        self.coded: Callable[[int, bool], Any] = self.by_code.get
        self._all = False

    def __bool__(self) -> bool:
        return bool(self._lines or self._single)

    def add(self, path: str, line: int, code: CodeType | None) -> None:
        """Once more is no more than once."""
        if code is None:
            self._lines = self._lines | {(path, line)}
        else:
            self._single[id(code), line] = code, path
        self._changed()

    def remove(self, path: str, line: int, code: CodeType | None) -> None:
        """Without `code` in all code of the file, also where it was armed in one code object alone."""
        if code is None:
            self._lines = self._lines - {(path, line)}
        for key, (one, name) in list(self._single.items()):
            if key[1] == line and (one is code or (code is None and name == path)):
                self._single.pop(key, None)
        self._changed()

    def add_link(self, filename: str) -> None:
        """Code of an armed file may be known by this name too."""
        self._links = self._links | {filename.rpartition("/")[2]}

    def clear(self) -> None:
        self._lines, self._single = set(), {}
        self._changed()

    def _changed(self) -> None:
        names = [path for path, _ in self._lines] + [code.co_filename for code, _ in list(self._single.values())]
        self._last_parts = frozenset(name.rpartition("/")[2] for name in names) | self._links
        # in this order: who puts an old answer into a dictionary puts it into an old one
        self._alive = {}
        self.by_name = {}
        self.by_code = {}
        self.look_at_all(self._all)

    def look_at_all(self, wanted: bool) -> None:
        """Have `named` say of every file that it is to be looked at."""
        self._all = wanted
        nothing: dict[Any, Any] = {}
        self.named = nothing.get if wanted else self.by_name.get
        self.coded = nothing.get if wanted else self.by_code.get

    # ---- in the program's threads ----

    def lines_named(self, filename: str) -> frozenset[int]:
        """The lines that are armed in code of this ``co_filename``, in all of it or in single code objects."""
        by_name = self.by_name
        known = by_name.get(filename)
        if known is None:
            known = by_name[filename] = self._find(filename)
        return known

    def lines_of(self, code: CodeType) -> frozenset[int]:
        """The lines that are armed in this code object."""
        by_code = self.by_code
        known = by_code.get(id(code))
        if known is not None:
            return known
        lines = self.lines_named(code.co_filename)
        if lines:
            lines = lines.intersection(lines_of(code))
            if self._single:
                path = canonical(code.co_filename)
                lines = frozenset(
                    line for line in lines if (path, line) in self._lines or (id(code), line) in self._single
                )
        by_code[id(code)] = lines
        self._alive[id(code)] = ref(code, _forgetting(id(code), by_code, self._alive))
        return lines

    def _find(self, filename: str) -> frozenset[int]:
        if filename.rpartition("/")[2] not in self._last_parts:
            return _NONE
        path = canonical(filename)
        lines = {line for name, line in self._lines if name == path}
        lines.update(line for code, line in self._single_lines() if code.co_filename == filename)
        return frozenset(lines)

    def _single_lines(self) -> list[tuple[CodeType, int]]:
        return [(code, line) for (_, line), (code, _) in list(self._single.items())]


def _forgetting(key: int, *tables: dict[int, Any]) -> Callable[[object], None]:
    """What is called when the code object ends whose id is the key: another may get that id."""

    def forget(_: object) -> None:
        for table in tables:
            table.pop(key, None)

    return forget
