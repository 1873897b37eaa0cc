"""The steps of assembler.py as instructions of aarch64 (Arm's Architecture Reference Manual, chapter C6; AAPCS64).

Our pages are mapped without PROT_BTI, so they need no landing pads; calls and jumps to functions go through x16, from
where every landing pad may be reached.
"""

import struct
from typing import ClassVar

from attach.inject import block
from attach.inject.assembler import Assembler, At, Here, Kept, Local, Operand, Result, Word

_X0, _X1, _X2, _X3, _X8, _X16, _X30 = 0, 1, 2, 3, 8, 16, 30
_SP = _ZERO = 31  # which of the two depends on the instruction
_KEPT = {Kept.BLOCK: 19, Kept.FIRST: 20, Kept.SECOND: 21, Kept.OUTCOME: 22, Kept.GIL: 23}
_BLOCK = _KEPT[Kept.BLOCK]
_NANOSECONDS = 1_000_000_000
_NOT_EQUAL, _GREATER_OR_EQUAL, _LOWER_OR_SAME = 1, 10, 9
# the instructions that hold a distance, told by these bits
_ADR_BITS, _ADR = 0x9F000000, 0x10000000
_BRANCH_BITS, _BRANCH = 0x7C000000, 0x14000000  # b and bl


def _register(source: Kept | Result) -> int:
    return _X0 if isinstance(source, Result) else _KEPT[source]


class Aarch64Assembler(Assembler):
    """Implements `Assembler`. RESULT is x0."""

    breakpoint = b"\x00\x00\x20\xd4"  # brk #0
    system_calls: ClassVar = {
        "nanosleep": 101,
        "clock_gettime": 113,
        "rt_sigprocmask": 135,
        "rt_sigreturn": 139,
        "getpid": 172,
        "gettid": 178,
        "madvise": 233,
    }

    # ---- encoding ----

    def _put(self, instruction: int) -> None:
        self._code += struct.pack("<I", instruction)

    def _to_label(self, instruction: int, name: str) -> None:
        self._fixups.append((len(self._code), name))
        self._put(instruction)

    def _fill_in(self, position: int, distance: int) -> None:
        (instruction,) = struct.unpack_from("<I", self._code, position)
        words = distance >> 2
        if instruction & _ADR_BITS == _ADR:
            instruction |= (distance & 3) << 29 | (words & 0x7FFFF) << 5
        elif instruction & _BRANCH_BITS == _BRANCH:
            instruction |= words & 0x3FFFFFF
        else:  # b.cond, cbz, cbnz
            instruction |= (words & 0x7FFFF) << 5
        struct.pack_into("<I", self._code, position, instruction)

    def _number(self, register: int, value: int) -> None:
        """movz register, #lowest 16 bits; movk for the others that are not 0."""
        self._put(0xD2800000 | (value & 0xFFFF) << 5 | register)
        for part in (1, 2, 3):
            bits = value >> 16 * part & 0xFFFF
            if bits:
                self._put(0xF2800000 | part << 21 | bits << 5 | register)

    def _add(self, register: int, base: int, value: int) -> None:
        """add register, base, #value, or sub for a negative one; base 31 is sp."""
        opcode, value = (0x91000000, value) if value >= 0 else (0xD1000000, -value)
        if value >> 12 and not value & 0xFFF:
            opcode, value = opcode | 1 << 22, value >> 12  # lsl #12
        assert value < 1 << 12
        self._put(opcode | value << 10 | base << 5 | register)

    def _copy(self, register: int, source: int) -> None:
        self._put(0xAA0003E0 | source << 16 | register)  # mov register, source

    def _load(self, register: int, base: int, offset: int, *, wide: bool = True) -> None:
        self._at(0xF9400000 if wide else 0xB9400000, register, base, offset, 8 if wide else 4)

    def _store(self, register: int, base: int, offset: int, *, wide: bool = True) -> None:
        self._at(0xF9000000 if wide else 0xB9000000, register, base, offset, 8 if wide else 4)

    def _at(self, opcode: int, register: int, base: int, offset: int, size: int) -> None:
        assert 0 <= offset < size << 12 and not offset % size
        self._put(opcode | offset // size << 10 | base << 5 | register)

    # ---- calls ----

    def _move(self, register: int, operand: Operand) -> None:
        match operand:
            case At(offset):
                self._add(register, _BLOCK, offset)
            case Word(offset):
                self._load(register, _BLOCK, offset)
            case Local(offset):
                self._add(register, _SP, offset)
            case Here(label):
                self._to_label(0x10000000 | register, label)  # adr register, label
            case Kept() | Result():
                if register != _register(operand):
                    self._copy(register, _register(operand))
            case int(value):
                self._number(register, value)

    def arguments(self, *operands: Operand) -> None:
        # x0, which is RESULT, is overwritten last
        for register, operand in reversed(list(enumerate(operands))):
            self._move(register, operand)

    def call(self, address: int, *operands: Operand) -> None:
        self.arguments(*operands)
        self._number(_X16, address)
        self._put(0xD63F0000 | _X16 << 5)  # blr x16

    def jump_to(self, address: int) -> None:
        self._number(_X16, address)
        self._put(0xD61F0000 | _X16 << 5)  # br x16

    def system_call(self, name: str, *operands: Operand) -> None:
        self.arguments(*operands)
        self._number(_X8, self.system_calls[name])
        self._put(0xD4000001)  # svc #0

    def call_label(self, name: str) -> None:
        self._to_label(0x94000000, name)  # bl name

    def return_(self) -> None:
        self._put(0xD65F03C0)  # ret

    def return_from_signal(self, room: int) -> None:
        self.close_frame(room)
        self.system_call("rt_sigreturn")

    # ---- the stack ----

    def save_registers(self) -> None:
        self._put(0xA9BD53F3)  # stp x19, x20, [sp, #-48]!
        self._put(0xA9015BF5)  # stp x21, x22, [sp, #16]
        self._put(0xA9027BF7)  # stp x23, x30, [sp, #32]

    def restore_registers(self) -> None:
        self._put(0xA9427BF7)  # ldp x23, x30, [sp, #32]
        self._put(0xA9415BF5)  # ldp x21, x22, [sp, #16]
        self._put(0xA8C353F3)  # ldp x19, x20, [sp], #48

    def open_frame(self, room: int) -> None:
        self._add(_SP, _SP, -(room + 16))
        self._store(_X30, _SP, room)  # the return address

    def close_frame(self, room: int) -> None:
        self._load(_X30, _SP, room)
        self._add(_SP, _SP, room + 16)

    # ---- values ----

    def take_block(self) -> None:
        self._copy(_BLOCK, _X0)

    def set(self, kept: Kept, value: int) -> None:
        self._number(_KEPT[kept], value)

    def keep(self, kept: Kept) -> None:
        self._copy(_KEPT[kept], _X0)

    def set_result(self, value: int) -> None:
        self._number(_X0, value)

    def limit_result(self, most: int) -> None:
        self._number(_X1, most)
        self._put(0xEB01001F)  # cmp x0, x1
        self._put(0x9A810000 | _LOWER_OR_SAME << 12)  # csel x0, x0, x1, ls

    def store(self, source: Kept | Result, offset: int) -> None:
        self._store(_register(source), _BLOCK, offset, wide=False)

    def store_pointer(self, offset: int) -> None:
        self._store(_X0, _BLOCK, offset)

    def store_local(self, offset: int, value: int) -> None:
        self._number(_X1, value)
        self._store(_X1, _SP, offset)

    def store_progress(self, source: Kept | int) -> None:
        self._move(_X1, source)
        self._put(0xD5033BBF)  # dmb ish
        self._store(_X1, _BLOCK, block.PROGRESS, wide=False)
        self._put(0xD5033BBF)

    def copy_text(self) -> None:
        self._move(_X1, At(block.TEXT))
        self._load(_X2, _BLOCK, block.TEXT_LENGTH, wide=False)
        self._to_label(0x34000000 | _X2, "copied")  # cbz w2, copied
        self.label("copy")
        self._put(0x38401400 | _X0 << 5 | _X3)  # ldrb w3, [x0], #1
        self._put(0x38001400 | _X1 << 5 | _X3)  # strb w3, [x1], #1
        self._put(0x71000400 | _X2 << 5 | _X2)  # subs w2, w2, #1
        self._to_label(0x54000000 | _NOT_EQUAL, "copy")  # b.ne copy
        self.label("copied")

    # ---- jumps ----

    def jump(self, name: str) -> None:
        self._to_label(0x14000000, name)  # b name

    def jump_if_zero(self, source: Kept | Result, name: str) -> None:
        self._to_label(0x34000000 | _register(source), name)  # cbz w., name

    def jump_if_not_zero(self, source: Kept | Result, name: str) -> None:
        self._to_label(0x35000000 | _register(source), name)  # cbnz w., name

    def jump_if_null(self, source: Kept | Result, name: str) -> None:
        self._to_label(0xB4000000 | _register(source), name)  # cbz x., name

    def jump_if_set(self, offset: int, name: str) -> None:
        self._load(_X1, _BLOCK, offset, wide=False)
        self._to_label(0x35000000 | _X1, name)  # cbnz w1, name

    def jump_if_different(self, offset: int, name: str) -> None:
        self._load(_X1, _BLOCK, offset, wide=False)
        self._put(0x6B01001F)  # cmp w0, w1
        self._to_label(0x54000000 | _NOT_EQUAL, name)  # b.ne name

    def jump_unless(self, kept: Kept, value: int, name: str) -> None:
        self._put(0x7100001F | value << 10 | _KEPT[kept] << 5)  # cmp w., #value
        self._to_label(0x54000000 | _NOT_EQUAL, name)

    def jump_if_past(self, offset: int, name: str) -> None:
        self._number(_X1, _NANOSECONDS)
        self._put(0xA9400FE2)  # ldp x2, x3, [sp]
        self._put(0x9B010C42)  # madd x2, x2, x1, x3
        self._load(_X3, _BLOCK, offset)
        self._put(0xEB03005F)  # cmp x2, x3
        self._to_label(0x54000000 | _GREATER_OR_EQUAL, name)  # b.ge name
