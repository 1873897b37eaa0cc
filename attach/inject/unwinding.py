"""From a function of an image back to its caller, by the image's own unwind tables (.eh_frame).

What lies on a stack besides return addresses are old ones, of calls that have ended: only the tables tell which is
which. They are in memory because exceptions need them: a program header leads to the sorted index. Sources: LSB Core
10.6 (.eh_frame, .eh_frame_hdr), DWARF 5 section 6.4.2. What an assembler's hand may have written beyond that, as
expressions, is not followed: `Unknown`.
"""

import bisect
import struct
from dataclasses import dataclass, field

from attach.inject.memory import Memory, MemoryFault
from attach.inject.symbols import Image

_PCREL_4, _DATAREL_4, _UNSIGNED_4 = 0x1B, 0x3B, 0x03
_MAX_FUNCTIONS, _MAX_ENTRY, _MAX_FRAME = 1 << 17, 1 << 12, 1 << 20

#: A row of the index.
_ENTRY = struct.Struct("<ii")
_ADVANCE, _OFFSET, _RESTORE = 0x40, 0x80, 0xC0
#: Instructions that say nothing of where the frame is: number -> how many LEB128 operands.
_SKIPPED = {0x00: 0, 0x05: 2, 0x06: 1, 0x07: 1, 0x08: 1, 0x09: 2, 0x11: 2, 0x2E: 1}
_ADVANCE_BY = {0x02: "<B", 0x03: "<H", 0x04: "<I"}
_REMEMBER, _RECALL, _DEF_CFA, _DEF_CFA_REGISTER, _DEF_CFA_OFFSET = 0x0A, 0x0B, 0x0C, 0x0D, 0x0E


class Unknown(Exception):
    """The tables do not say, or not in a form that is understood."""


class _Reader:
    """Numbers out of bytes. Raises `Unknown` at their end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self.at = at

    def number(self, kind: str) -> int:
        size = struct.calcsize(kind)
        if self.at + size > len(self._data):
            raise Unknown
        (value,) = struct.unpack_from(kind, self._data, self.at)
        self.at += size
        return int(value)

    def leb128(self) -> int:
        """Unsigned. Of a signed one the length is right, the value is not."""
        value = shift = 0
        while True:
            byte = self.number("<B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def string(self) -> bytes:
        end = self._data.find(b"\0", self.at)
        if end < 0:
            raise Unknown
        text = self._data[self.at : end]
        self.at = end + 1
        return text

    @property
    def left(self) -> bool:
        return self.at < len(self._data)


@dataclass
class _Frame:
    """Where the frame of a function is at one instruction: so many bytes above a register."""

    register: int = -1
    offset: int = 0
    remembered: list[tuple[int, int]] = field(default_factory=list)

    def follow(self, code: _Reader, distance: int, unit: int) -> None:
        """Runs the instructions of the tables up to `distance` bytes into the function."""
        here = 0
        while code.left:
            instruction = code.number("<B")
            high = instruction & 0xC0
            if high == _ADVANCE or instruction in _ADVANCE_BY:
                step = instruction & 0x3F if high else code.number(_ADVANCE_BY[instruction])
                here += step * unit
                if here > distance:
                    return
            elif high == _OFFSET:
                code.leb128()
            elif high != _RESTORE:
                self._apply(instruction, code)

    def _apply(self, instruction: int, code: _Reader) -> None:
        if instruction == _DEF_CFA:
            self.register, self.offset = code.leb128(), code.leb128()
        elif instruction == _DEF_CFA_REGISTER:
            self.register = code.leb128()
        elif instruction == _DEF_CFA_OFFSET:
            self.offset = code.leb128()
        elif instruction == _REMEMBER:
            self.remembered.append((self.register, self.offset))
        elif instruction == _RECALL and self.remembered:
            self.register, self.offset = self.remembered.pop()
        elif instruction in _SKIPPED:
            for _ in range(_SKIPPED[instruction]):
                code.leb128()
        else:
            raise Unknown


class UnwindTables:
    """The tables of one image. Raises `Unknown` where it has none of the usual form."""

    def __init__(self, image: Image, memory: Memory) -> None:
        if not image.unwind_index:
            raise Unknown
        self._memory = memory
        self._index = image.unwind_index
        header = self._read(self._index, 12)
        if header[:4] != bytes((1, _PCREL_4, _UNSIGNED_4, _DATAREL_4)):
            raise Unknown
        (count,) = struct.unpack_from("<I", header, 8)
        if count > _MAX_FUNCTIONS:
            raise Unknown
        self._count = count
        self._table = self._read(self._index + 12, _ENTRY.size * count)

    def _entry_at(self, number: int) -> tuple[int, int]:
        """Begin and entry of a function, relative to the index; of thousands only some are asked for."""
        begin, entry = _ENTRY.unpack_from(self._table, _ENTRY.size * number)
        return begin, entry

    def _read(self, address: int, size: int) -> bytes:
        try:
            return self._memory.cached(address, size)
        except MemoryFault:
            raise Unknown from None

    def caller(self, instruction: int, stack: int, stack_register: int) -> tuple[int, int]:
        """The return address of the function that is at `instruction`, and the stack pointer after its return.

        `stack_register` is the DWARF number of the stack pointer. Where the frame is told by another register it is
        `Unknown`.
        """
        wanted = instruction - self._index
        position = bisect.bisect_right(range(self._count), wanted, key=lambda number: self._entry_at(number)[0]) - 1
        if position < 0:
            raise Unknown
        begin, entry = self._entry_at(position)
        function = self._index + begin
        frame = self._frame(self._index + entry, instruction - function)
        if frame.register != stack_register or not 8 <= frame.offset <= _MAX_FRAME:
            raise Unknown
        top = stack + frame.offset
        try:
            return self._memory.u64(top - 8), top
        except MemoryFault:
            raise Unknown from None

    def _entry(self, address: int) -> _Reader:
        (length,) = struct.unpack("<I", self._read(address, 4))
        if not 4 < length <= _MAX_ENTRY:
            raise Unknown
        return _Reader(self._read(address + 4, length))

    def _frame(self, address: int, distance: int) -> _Frame:
        """The frame `distance` bytes into the function whose entry is at `address`."""
        entry = self._entry(address)
        common = self._entry(address + 4 - entry.number("<I"))
        entry.number("<i")  # the function's address, which the index has told
        if distance >= entry.number("<I"):
            raise Unknown
        entry.at += entry.leb128()  # augmentation data
        if common.number("<I") or common.number("<B") != 1:
            raise Unknown
        augmentation = common.string()
        unit = common.leb128()
        common.leb128()  # the factor of offsets at which registers are saved
        common.number("<B")  # the column of the return address
        if augmentation not in (b"zR", b"zPLR", b"zPR", b"zLR"):  # not of a signal frame
            raise Unknown
        size = common.leb128()
        common.at += size
        frame = _Frame()
        frame.follow(common, 0, unit)
        frame.follow(entry, distance, unit)
        return frame
