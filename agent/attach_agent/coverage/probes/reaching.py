"""Which lines a frame that runs already can still come to: as long as all of them are recorded, nobody has to watch it.

A server's main program waits, for as long as it lives, in its last statement. To trace its thread for that would slow
down every request, and tell nothing.
"""

from __future__ import annotations

import sys

from .bytecode import SETUPS, Instructions, Unsafe, exception_handlers
from .places import lines_of, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

    from .registry import Registry


#: Code objects whose reach is remembered.
_MAX_KNOWN = 10_000

#: RETURN_VALUE, JUMP_FORWARD, JUMP_ABSOLUTE, RAISE_VARARGS, RERAISE, JUMP_BACKWARD and its like without interrupt. What
#: else never goes on to the next instruction is taken to do so, which only adds lines.
_ENDS = {
    (3, 8): frozenset((83, 110, 113, 130)),
    (3, 9): frozenset((83, 110, 113, 130, 48)),
    (3, 10): frozenset((83, 110, 113, 130, 119)),
    (3, 11): frozenset((83, 110, 130, 119, 134, 140)),
}.get(sys.version_info[:2], frozenset())


class Reaching:
    """Tells which of the frames that run code without probes have to be traced."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        #: id of the code -> it, and `_Reach`, or None if that cannot be told.
        self._known: dict[int, tuple[CodeType, _Reach | None]] = {}

    def has_unseen(self, frame: FrameType) -> bool:
        """Has it no probes, and lines before it that are not recorded yet?"""
        code, namespace = frame.f_code, frame.f_globals
        if self._registry.is_covered(code, namespace):
            return False
        recorded = self._registry.lines_of(code, namespace)
        reach = self._reach_of(code)
        return reach is None or recorded is None or not reach.lines_from(frame.f_lasti) <= recorded

    def _reach_of(self, code: CodeType) -> _Reach | None:
        known = self._known.get(id(code))
        if known is None:
            try:
                known = code, _Reach(code)
            except Unsafe:
                known = code, None
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[id(code)] = known
        return known[1]


class _Reach:
    """The places of one code object, and the lines that can be reached from each."""

    def __init__(self, code: CodeType) -> None:
        """Raises Unsafe as `Instructions` does."""
        instructions = Instructions(code.co_code)
        self._instructions = instructions
        self._places = places(code, instructions, lines_of(code, instructions))
        index_at = instructions.index_at
        end = len(instructions.opcodes)
        opcodes = instructions.opcodes
        blocks = [(index, target, target) for index, target in instructions.jumps.items() if opcodes[index] in SETUPS]
        #: First and last instruction of what a handler protects, and the handler.
        self._protected = blocks + [
            (index_at[start], index_at.get(stop, end), index_at[handler])
            for start, stop, handler, _ in exception_handlers(code)
        ]
        self._known: dict[int, frozenset[int]] = {}

    def lines_from(self, offset: int) -> frozenset[int]:
        """The lines that begin, or may begin, behind the instruction that a frame is at (``f_lasti``)."""
        index = -1
        while offset >= 0 and index < 0:
            index = self._instructions.index_at.get(offset, -1)
            offset -= 2
        if index not in self._known:
            self._known[index] = frozenset(self._lines(index))
        return self._known[index]

    def _lines(self, index: int) -> set[int]:
        count = len(self._instructions.opcodes)
        reached: set[int] = set()
        ahead = self._after(index) if index >= 0 else [0]
        while ahead:
            index = ahead.pop()
            if index in reached or index >= count:
                continue
            reached.add(index)
            ahead += self._after(index)
        return {line for index, line in self._places.items() if index in reached}

    def _after(self, index: int) -> list[int]:
        following = [handler for first, last, handler in self._protected if first <= index < last]
        if index in self._instructions.jumps:
            following.append(self._instructions.jumps[index])
        if self._instructions.opcodes[index] not in _ENDS:
            following.append(index + 1)
        return following
