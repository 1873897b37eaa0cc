"""What is armed: lines of files, and lines of single code objects."""

from __future__ import annotations

from _weakref import ref

from .files import canonical
from .lines import lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_NONE: frozenset[int] = frozenset()

#: Code objects that are remembered until those that are gone are forgotten.
PRUNE_AT = 10_000


class Armed:
    """Is changed by one thread at a time, and asked by all the program's.

    What is asked often is remembered in dictionaries, which each change replaces: `by_name` has the armed lines of a
    ``co_filename``, `by_code` those of a code object, by id, with a weak reference.
    """

    def __init__(self) -> None:
        #: (canonical name, line)
        self._lines: set[tuple[str, int]] = set()
        #: (id(code), line), the code object, and the canonical name of its file
        self._single: dict[tuple[int, int], tuple[CodeType, str]] = {}
        self._last_parts: frozenset[str] = frozenset()
        #: the last parts of links to such files
        self._links: frozenset[str] = frozenset()
        self.by_name: dict[str, frozenset[int]] = {}
        self.by_code: dict[int, tuple[ref[CodeType], frozenset[int]]] = {}

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
        self.by_name = {}
        self.by_code = {}

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
        if known is not None and known[0]() is code:
            return known[1]
        lines = self.lines_named(code.co_filename)
        if lines:
            lines = lines.intersection(lines_of(code))
            if self._single:
                path = canonical(code.co_filename)
                lines = frozenset(
                    line for line in lines if (path, line) in self._lines or (id(code), line) in self._single
                )
        if len(by_code) >= PRUNE_AT:
            self.by_code = {}
        by_code[id(code)] = ref(code), lines
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
