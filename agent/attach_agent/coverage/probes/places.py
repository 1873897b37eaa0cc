"""Which instructions begin a line, as a trace function is told: ``maybe_call_line_trace`` in Python/ceval.c."""

from __future__ import annotations

import sys

from .bytecode import END_ASYNC_FOR, GEN_START, RESUME, SEND, SETUPS, Instructions, Unsafe, exception_handlers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType


def line_starts(code: CodeType) -> list[tuple[int, int]]:
    """Python 3.8 and 3.9: offset and line of each entry of ``co_lnotab`` that changes the line.

    Objects/lnotab_notes.txt; an entry may need several pairs of bytes.
    """
    offset, line = 0, code.co_firstlineno
    starts = {0: line}
    table = code.co_lnotab
    for index in range(0, len(table), 2):
        offset += table[index]
        change = table[index + 1]
        if change:
            line += change - 256 if change > 127 else change
            starts[offset] = line
    return list(starts.items())


def lines_of(code: CodeType, instructions: Instructions) -> list[int | None]:
    """The line of each instruction, None for those that belong to none."""
    ranges: list[tuple[int, int, int | None]]
    if sys.version_info >= (3, 10):
        ranges = list(code.co_lines())
    else:
        found = line_starts(code)
        ends = [offset for offset, _ in found[1:]]
        ends.append(len(code.co_code))
        ranges = [(start, end, line) for (start, line), end in zip(found, ends)]
    lines: list[int | None] = []
    starts = instructions.starts
    index, count = 0, len(starts) - 1
    for _, end, line in ranges:
        while index < count and starts[index] < end:
            lines.append(line)
            index += 1
    lines += [None] * (count - index)
    return lines


def places(code: CodeType, instructions: Instructions, lines: list[int | None]) -> dict[int, int]:
    """Index of the instruction -> line, for each at which a trace function may be told of a line, in ascending order.

    Where one may be told and not for certain, its line has been told of already.
    """
    if sys.version_info < (3, 10):
        return _before_3_10(code, instructions, lines)
    opcodes = instructions.opcodes
    first = 0
    if RESUME in opcodes:
        first = opcodes.index(RESUME) + 1
    elif opcodes[0] == GEN_START:
        first = 1
    if first == len(lines):
        return {}
    wanted = {first}
    wanted.update(index for index in range(first + 1, len(lines)) if lines[index] != lines[index - 1])
    for index, target in instructions.jumps.items():
        # an exception may come from any line of the block
        if lines[index] != lines[target] or opcodes[index] in SETUPS:
            wanted.add(target)
    for _, _, handler, _ in exception_handlers(code):
        wanted.add(instructions.index_at[handler])
    found = {}
    inseparable = _inseparable(instructions)
    for index in sorted(wanted):
        line = lines[index]
        # Python 3.11 reports no line at a RESUME, and gives modules a line 0
        if line is None or line <= 0 or opcodes[index] == RESUME or index < first:
            continue
        if index in inseparable:
            raise Unsafe("a line begins within an await")
        found[index] = line
    return found


def _before_3_10(code: CodeType, instructions: Instructions, lines: list[int | None]) -> dict[int, int]:
    """The first instruction of each line; in Python 3.9 also the handlers of exceptions that begin in the midst of one.

    There 3.9 reports the line, unless the exception comes from the first line of all (``needs_line_update`` in
    Python/ceval.c). Of blocks with several lines that is not known in advance, and it is the rule.
    """
    index_at = instructions.index_at
    begins = [offset for offset, _ in line_starts(code)]
    wanted = {index_at[offset] for offset in begins if offset in index_at}
    if sys.version_info >= (3, 9):
        for index, target in instructions.jumps.items():
            in_first_line = len(begins) < 2 or instructions.starts[index] < begins[1]
            if instructions.opcodes[index] in SETUPS and not (
                in_first_line and instructions.opcodes[target] == END_ASYNC_FOR
            ):
                wanted.add(target)
    return {index: line for index, line in ((index, lines[index]) for index in sorted(wanted)) if line is not None}


def _inseparable(instructions: Instructions) -> set[int]:
    """Python 3.11 takes what belongs to ``yield from`` and ``await`` to lie side by side (Objects/genobject.c)."""
    found: set[int] = set()
    for index, target in instructions.jumps.items():
        if instructions.opcodes[index] == SEND:
            found.update(range(index, target))
    return found
