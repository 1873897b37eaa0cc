"""Code objects with probes: each line begins with one that makes itself a jump when it runs.

A probe is ``NOP n; LOAD_CONST JUMP_FORWARD; LOAD_CONST window; LOAD_CONST offset; STORE_SUBSCR``, which means
``window[offset] = JUMP_FORWARD``: the window lies over the code's own instructions, the offset is that of the NOP, and
``n`` is the distance over the rest of the probe. So it runs once, and the byte that it leaves tells that it ran. From
its first to its last instruction CPython neither gives up the GIL nor runs signal handlers.
"""

from __future__ import annotations

from .bytecode import (
    ABSOLUTE,
    BACKWARD,
    CACHES,
    EXTENDED_ARG,
    JUMP_FORWARD,
    JUMP_UNIT,
    LOAD_CONST,
    NOP,
    STORE_SUBSCR,
    Instructions,
)
from .memory import UNMARSHALLABLE, Window, look_at_code, untrack_constants
from .places import lines_of, places
from .tables import replaced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

#: What a probe needs of the stack.
_STACK = 3

_STORE = bytes((STORE_SUBSCR, 0)) + bytes(CACHES[STORE_SUBSCR])


class Rewritten:
    """A code object and what it became."""

    __slots__ = ("code", "lines", "offsets", "original", "window")

    def __init__(
        self, original: CodeType, code: CodeType, window: Window, offsets: tuple[int, ...], lines: tuple[int, ...]
    ) -> None:
        self.original = original
        self.code = code
        #: Reads and writes the instructions of `code`.
        self.window = window
        #: Of each probe the offset and the line that it stands for.
        self.offsets = offsets
        self.lines = lines


def rewrite(code: CodeType, nested: Callable[[CodeType], CodeType]) -> Rewritten | None:
    """`code` with probes and with `nested` applied to the code objects among its constants; None if nothing changes.

    Raises Unsafe for code that this module does not understand.
    """
    instructions = Instructions(code.co_code)
    wanted = places(code, instructions, lines_of(code, instructions))
    kind = type(code)
    constants = [nested(item) if type(item) is kind else item for item in code.co_consts]
    if not wanted and all(map(_same, constants, code.co_consts)):
        return None
    window = Window()
    first = len(constants)
    constants += (JUMP_FORWARD, window)
    layout = Layout(instructions, {index: _length(first, first + 2 + n) for n, index in enumerate(wanted)})
    offsets = tuple(layout.positions[index] for index in wanted)
    constants += (*offsets, UNMARSHALLABLE)
    content = layout.assemble({index: _probe(first, first + 2 + n) for n, index in enumerate(wanted)})
    new = code.replace(
        co_code=content,
        co_consts=tuple(constants),
        co_stacksize=code.co_stacksize + _STACK,
        **replaced(code, layout.moved),
    )
    look_at_code(window, new)
    untrack_constants(new)
    return Rewritten(code, new, window, offsets, tuple(wanted.values()))


def _same(one: object, other: object) -> bool:
    return one is other


def _probe(first: int, own: int) -> bytes:
    """A probe whose constants are `first`, the next, and `own`."""
    body = _load(first) + _load(first + 1) + _load(own) + _STORE
    return bytes((NOP, len(body) // JUMP_UNIT)) + body


def _length(first: int, own: int) -> int:
    return 2 + sum(2 * (1 + _extensions(index)) for index in (first, first + 1, own)) + len(_STORE)


def _load(index: int) -> bytes:
    return _extended(index) + bytes((LOAD_CONST, index & 255))


def _extended(argument: int) -> bytes:
    """The EXTENDED_ARGs that `argument` needs."""
    content = b""
    for shift in range(8 * _extensions(argument), 0, -8):
        content += bytes((EXTENDED_ARG, argument >> shift & 255))
    return content


def _extensions(argument: int) -> int:
    return 0 if argument < 256 else 1 if argument < 65536 else 2 if argument < 1 << 24 else 3


class Layout:
    """Where each instruction of a code object goes when probes of the given lengths are put before some of them."""

    def __init__(self, instructions: Instructions, probes: dict[int, int]) -> None:
        self._instructions = instructions
        #: Offset of each instruction, or of the probe before it, and of the end.
        self.positions: list[int] = []
        self._arguments = list(instructions.arguments)
        jumps = instructions.jumps
        before = [0] * len(instructions.opcodes)
        for index, length in probes.items():
            before[index] = length
        self._before = before
        #: Bytes of each instruction without its probe.
        self._sizes = [
            2 + CACHES[opcode] + (0 if index in jumps else 2 * _extensions(argument))
            for index, (opcode, argument) in enumerate(zip(instructions.opcodes, instructions.arguments))
        ]
        self._extended_jumps = dict.fromkeys(jumps, 0)
        while self._place():
            pass

    def _place(self) -> bool:
        """Compute positions and the arguments of jumps; has a jump outgrown its size?"""
        positions = []
        position = 0
        for before, size in zip(self._before, self._sizes):
            positions.append(position)
            position += before + size
        positions.append(position)
        self.positions = positions
        opcodes = self._instructions.opcodes
        grown = False
        for index, target in self._instructions.jumps.items():
            opcode = opcodes[index]
            if opcode in ABSOLUTE:
                distance = positions[target]
            elif opcode in BACKWARD:
                distance = positions[index + 1] - positions[target]
            else:
                distance = positions[target] - positions[index + 1]
            argument = distance // JUMP_UNIT
            self._arguments[index] = argument
            missing = _extensions(argument) - self._extended_jumps[index]
            if missing > 0:
                self._extended_jumps[index] += missing
                self._sizes[index] += 2 * missing
                grown = True
        return grown

    def assemble(self, probes: dict[int, bytes]) -> bytes:
        content = bytearray()
        extended_jumps = self._extended_jumps
        for index, opcode in enumerate(self._instructions.opcodes):
            if index in probes:
                content += probes[index]
            argument = self._arguments[index]
            if index in extended_jumps:
                # as many as there is room for: the argument may have become smaller again
                for shift in range(8 * extended_jumps[index], 0, -8):
                    content += bytes((EXTENDED_ARG, argument >> shift & 255))
            elif argument > 255:
                content += _extended(argument)
            content.append(opcode)
            content.append(argument & 255)
            if CACHES[opcode]:
                content += bytes(CACHES[opcode])
        return bytes(content)

    def moved(self, offset: int) -> int:
        """Where an old offset is now: the start of an instruction's probe, or as far from its end as before."""
        index_at = self._instructions.index_at
        index = index_at.get(offset)
        if index is not None:
            return self.positions[index]
        starts = self._instructions.starts
        if offset >= starts[-1]:
            return self.positions[-1]
        start = offset - 2
        while start not in index_at:
            start -= 2
        index = index_at[start]
        return max(self.positions[index + 1] - (starts[index + 1] - offset), self.positions[index])
