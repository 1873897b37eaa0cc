"""Where branches lead, read from the bytecode: Python 3.14 and later, for ``sys.monitoring``.

A branch event names the instruction that comes next. coverage.py follows the code from there until a line of another
statement, the end of the code, or the next branch, which has events of its own (coverage/bytecode.py,
BranchArcResolver). Which lines are one statement it reads in the source. Here nothing is read: all lines on the way are
recorded, as a `wire.trail`, and the operator's side, which has the source, tells which of them counts.
"""

from __future__ import annotations

import sys

from ..wire import trail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

#: Lines of a trail that are kept: a statement that has more of them on one way is not followed further.
MAX_LINES = 400

#: Code objects whose instructions are kept at hand. Events of one come together, after each other.
KEPT = 8

#: The numbers of opcodes by version; ``opcode`` and ``dis`` are not imported in the target for them. Each list is
#: JUMP_FORWARD; JUMP_BACKWARD, JUMP_BACKWARD_NO_INTERRUPT; RETURN_VALUE, RETURN_GENERATOR; EXTENDED_ARG;
#: then where the way ends without leaving the code: END_ASYNC_FOR, FOR_ITER, POP_JUMP_IF_*, SEND, RERAISE.
_OPCODES = {
    (3, 14): ((77,), (75, 76), (35, 34), 69, (68, 70, 100, 101, 102, 103, 106, 105)),
    (3, 15): ((76,), (74, 75), (33, 32), 67, (66, 68, 99, 100, 101, 102, 105, 104)),
}

_MARK = b"\1"


def is_known() -> bool:
    """Can branches of this Python be followed?"""
    return sys.version_info[:2] in _OPCODES


class Branches:
    """Follows branches; its methods may be called by several threads at once."""

    def __init__(self) -> None:
        forward, backward, leaving, self._extended, ending = _OPCODES[sys.version_info[:2]]
        self._forward, self._backward, self._leaving = frozenset(forward), frozenset(backward), frozenset(leaving)
        marked = {*forward, *backward, *leaving, *ending}
        #: Translates opcodes to 1 where the instruction after the next may not be the next to run.
        self._marks = bytes(opcode in marked for opcode in range(256))
        self._kept: dict[int, _Instructions] = {}

    def trail(self, code: CodeType, source: int, destination: int) -> int:
        """What the branch from one offset to another leads to, as `wire.trail` or 0 if that tells nothing."""
        instructions = self._kept.get(id(code))
        if instructions is None or instructions.code is not code:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            instructions = self._kept[id(code)] = _Instructions(code, self._marks)
        lines = instructions.lines
        start = lines[source >> 1]
        if start is None:
            return 0
        passed: dict[int | None, None] = {}
        leaves = self._follow(instructions, destination >> 1, passed)
        next_line = lines[destination >> 1] or 0
        rest = [line for line in passed if line and line not in (start, next_line)][:MAX_LINES]
        if leaves:
            rest.append(-code.co_firstlineno)
        return trail([start, next_line] + rest) if rest or next_line not in (0, start) else 0

    def _follow(self, instructions: _Instructions, index: int, passed: dict[int | None, None]) -> bool:
        """Put the lines on the way from this instruction on into `passed`; does the way leave the code?"""
        opcodes = instructions.opcodes
        seen: set[int] = set()
        while index not in seen and 0 <= index < len(opcodes):
            seen.add(index)
            stop = instructions.marks.find(_MARK, index)
            passed.update(dict.fromkeys(instructions.lines[index : stop + 1 if stop >= 0 else None]))
            if stop < 0:
                return False
            if opcodes[stop] in self._forward:
                index = instructions.after(stop) + self._argument(instructions, stop)
            elif opcodes[stop] in self._backward:
                index = instructions.after(stop) - self._argument(instructions, stop)
            else:
                return opcodes[stop] in self._leaving
        return False

    def _argument(self, instructions: _Instructions, index: int) -> int:
        """The argument of this instruction, with those of EXTENDED_ARG before it."""
        argument, shift = instructions.arguments[index], 8
        while index and instructions.opcodes[index - 1] == self._extended:
            index -= 1
            argument |= instructions.arguments[index] << shift
            shift += 8
        return argument


class _Instructions:
    """The instructions of a code object, of two bytes each, one after the other: opcodes, arguments, lines."""

    def __init__(self, code: CodeType, marks: bytes) -> None:
        content = code.co_code
        self.code = code
        self.opcodes, self.arguments = content[::2], content[1::2]
        self.marks = self.opcodes.translate(marks)
        self.lines: list[int | None] = []
        for begin, end, line in code.co_lines():
            self.lines += [line] * (end - begin >> 1)

    def after(self, index: int) -> int:
        """The instruction after this one: what an instruction keeps for itself (CACHE, opcode 0) is passed over."""
        index += 1
        while index < len(self.opcodes) and not self.opcodes[index]:
            index += 1
        return index
