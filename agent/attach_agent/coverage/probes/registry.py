"""All code that was given probes: from an original to what took its place, and back; and what the probes tell."""

from __future__ import annotations

import sys
from _operator import itemgetter
from itertools import compress

from .bytecode import JUMP_FORWARD, NOP, Unsafe
from .checking import check
from .memory import close, exchange, untrack
from .rewriting import Rewritten, rewrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

    from ..record.recording import Recording

#: File names out of scope that are remembered.
_MAX_OUTSIDE = 100_000

#: References to new code and to its original that are ours: `Rewritten`, `Registry`, and ``getrefcount``'s argument.
_REFERENCES_TO_NEW, _REFERENCES_TO_ORIGINAL = 3, 4


class Probed:
    """A rewritten code object, the set that its lines go to, and what was last read of its probes."""

    __slots__ = ("into", "read", "rewritten", "seen")

    def __init__(self, rewritten: Rewritten, into: set[int]) -> None:
        self.rewritten = rewritten
        self.into = into
        offsets = rewritten.offsets
        #: The first byte of each probe; of at least two, since of one there would be no tuple.
        self.read: Callable[[Any], tuple[int, ...]] = itemgetter(*offsets, offsets[0])
        self.seen = (NOP,) * (len(offsets) + 1)
        for item in (self, rewritten, self.read):
            untrack(item)

    def fold(self) -> bool:
        """Add the lines to the set whose probes have run since the last time; were there any?"""
        now = self.read(self.rewritten.window)
        if now == self.seen:
            return False
        changed = map(int.__ne__, now, self.seen)
        self.into.update(compress(self.rewritten.lines, changed))
        self.seen = now
        return True

    def arm(self) -> None:
        """Make ready the probes that `fold` has seen. One that has run since is not lost: it stays as it is."""
        window = self.rewritten.window
        for offset, value in zip(self.rewritten.offsets, self.seen):
            if value == JUMP_FORWARD:
                window[offset] = NOP
        self.seen = (NOP,) * len(self.seen)

    def disarm(self) -> None:
        window = self.rewritten.window
        for offset in self.rewritten.offsets:
            window[offset] = JUMP_FORWARD


class Registry:
    """Code objects are looked up by id, since those of different files may be equal. It keeps them alive."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._outside: set[str] = set()
        #: id of the original -> it and what took its place.
        self._replacements: dict[int, tuple[CodeType, CodeType]] = {}
        #: id of the new code -> its original.
        self._originals: dict[int, CodeType] = {}
        self._probed: dict[int, Probed] = {}
        #: Those whose probes were seen to have run since they were armed; one may be in it twice.
        self._hit: list[Probed] = []
        #: id of code that must not be rewritten -> it and the reason.
        self.refused: dict[int, tuple[CodeType, str]] = {}
        #: Constants of running code that were exchanged: tuple, index, what was there.
        self._exchanged: list[tuple[Any, int, CodeType]] = []

    def lines_of(self, code: CodeType, module_globals: dict[str, Any]) -> set[int] | None:
        """The set that collects the lines of `code`, or None if it is out of scope.

        Files of functions that merely exist do not become known to the recording as left out.
        """
        filename = code.co_filename
        if filename in self._outside:
            return None
        if filename not in self._recording.by_code_name and (
            filename[:1] == "<" or self._recording.scope.admits(filename, module_globals) is None
        ):
            if len(self._outside) < _MAX_OUTSIDE:
                self._outside.add(filename)
            return None
        return self._recording.lines_of(filename, module_globals)

    def is_covered(self, code: CodeType, module_globals: dict[str, Any]) -> bool:
        """Has this code probes, or needs none?"""
        known = self._replacements.get(id(code))
        if id(code) in self._originals or (known is not None and known[1] is code and id(code) not in self.refused):
            return True
        return self.lines_of(code, module_globals) is None

    def replacement(self, code: CodeType, module_globals: dict[str, Any]) -> CodeType:
        """`code` with probes, in it and in the code among its constants; itself if it is out of scope or refused.

        May be called by several threads at once, those of the target among them.
        """
        if id(code) in self._originals:
            return code
        known = self._replacements.get(id(code))
        if known is not None:
            return known[1]
        into = self.lines_of(code, module_globals)
        if into is None:
            return code
        try:
            rewritten = rewrite(code, lambda nested: self.replacement(nested, module_globals))
            if rewritten is not None:
                check(rewritten)
        except Unsafe as error:
            self.refuse(code, error)
            rewritten = None
        new = code if rewritten is None else rewritten.code
        winner = self._replacements.setdefault(id(code), (code, new))[1]
        if rewritten is not None and winner is new:
            self._originals[id(new)] = code
            if rewritten.offsets:
                self._probed[id(new)] = Probed(rewritten, into)
        return winner

    def refuse(self, code: CodeType, error: Exception) -> None:
        """Leave `code` as it is."""
        self.refused[id(code)] = code, "%s: %s" % (type(error).__name__, error)
        self._replacements.setdefault(id(code), (code, code))

    def original(self, code: CodeType) -> CodeType | None:
        return self._originals.get(id(code))

    def adopt(self, code: CodeType) -> None:
        """Have functions that running, original code will make be made of code with probes."""
        known = self._replacements.get(id(code))
        if known is not None:
            self._exchange_constants(code, known[1])

    def _exchange_constants(self, code: CodeType, other: CodeType) -> None:
        kind = type(code)
        for index, (own, new) in enumerate(zip(code.co_consts, other.co_consts)):
            if type(own) is type(new) is kind and own is not new:
                self._exchanged.append((code.co_consts, index, own))
                exchange(code.co_consts, index, new)

    def collect(self, breathe: Callable[[], object]) -> None:
        for number, probed in enumerate(list(self._probed.values())):
            if probed.fold():
                self._hit.append(probed)
            if not number & 1023:
                breathe()

    def arm(self, breathe: Callable[[], object]) -> None:
        hit, self._hit = self._hit, []
        for number, probed in enumerate(hit):
            probed.arm()
            if not number & 1023:
                breathe()

    def prune(self) -> None:
        """Forget code that nobody else has any more, of modules that were executed or of functions that are gone."""
        for key, probed in list(self._probed.items()):
            rewritten = probed.rewritten
            if (
                sys.getrefcount(rewritten.code) == _REFERENCES_TO_NEW
                and sys.getrefcount(rewritten.original) == _REFERENCES_TO_ORIGINAL
            ):
                probed.fold()
                close([rewritten.window], len(rewritten.code.co_code))
                del self._probed[key], self._originals[key], self._replacements[id(rewritten.original)]

    def undo_constants(self) -> None:
        """From here on nobody makes functions of code with probes; who runs code with probes makes original ones."""
        for new_id, original in list(self._originals.items()):
            _, new = self._replacements[id(original)]
            if id(new) == new_id:
                self._exchange_back(new, original)
        while self._exchanged:
            constants, index, before = self._exchanged.pop()
            exchange(constants, index, before)

    def _exchange_back(self, new: CodeType, original: CodeType) -> None:
        kind = type(new)
        for index, item in enumerate(new.co_consts):
            before = self._originals.get(id(item)) if type(item) is kind else None
            if before is not None:
                exchange(new.co_consts, index, before)

    def end(self) -> None:
        """Frames that still run code with probes go on without them, and nothing of ours stays in use."""
        probed = list(self._probed.values())
        self._probed.clear()
        size = 1
        for item in probed:
            item.fold()
            item.disarm()
            size = max(size, item.rewritten.offsets[-1] + 1)
        close([item.rewritten.window for item in probed], size)
        self._hit.clear()
        self._originals.clear()
        self._replacements.clear()
        self.refused.clear()

    def totals(self) -> tuple[int, int]:
        """How many code objects have probes, and how many were refused."""
        return len(self._probed), len(self.refused)
