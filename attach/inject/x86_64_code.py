"""The steps of assembler.py as instructions of x86_64 (Intel's manual, volume 2; System V ABI, calling convention)."""

import struct
from typing import ClassVar

from attach.inject import block
from attach.inject.assembler import Assembler, At, Here, Kept, Local, Operand, Result, Word

_RAX, _RCX, _RDX, _RBX, _RSP, _RBP, _RSI, _RDI = range(8)
_R10, _R12, _R13, _R14, _R15 = 10, 12, 13, 14, 15
_KEPT = {Kept.BLOCK: _RBX, Kept.FIRST: _R12, Kept.SECOND: _R13, Kept.OUTCOME: _R14, Kept.GIL: _RBP}
_SAVED = (_RBX, _RBP, _R12, _R13, _R14, _R15)  # an even number: the stack stays as aligned as it was
_CALL = (_RDI, _RSI, _RDX, _RCX)
_SYSTEM_CALL = (_RDI, _RSI, _RDX, _R10)
_NANOSECONDS = 1_000_000_000


def _register(source: Kept | Result) -> int:
    return _RAX if isinstance(source, Result) else _KEPT[source]


class X86_64Assembler(Assembler):
    """Implements `Assembler`. RESULT is rax."""

    breakpoint = b"\xcc"  # int3
    system_calls: ClassVar = {
        "rt_sigprocmask": 14,
        "rt_sigreturn": 15,
        "madvise": 28,
        "nanosleep": 35,
        "getpid": 39,
        "gettid": 186,
        "clock_gettime": 228,
    }

    # ---- encoding ----

    def _raw(self, digits: str) -> None:
        """Instructions given as hexadecimal digits."""
        self._code += bytes.fromhex(digits)

    def _registers(self, opcode: int, register: int, other: int, *, wide: bool = True) -> None:
        """An instruction with two registers in its ModRM byte: `other` is the r/m operand."""
        prefix = 0x40 | wide << 3 | (register >> 3) << 2 | other >> 3
        self._code += bytes([prefix, opcode, 0xC0 | (register & 7) << 3 | other & 7])

    def _memory(self, opcode: int, register: int, base: int, offset: int, *, wide: bool = True) -> None:
        """An instruction with a register and [base + offset], base being rbx or rsp."""
        prefix = 0x40 | wide << 3 | (register >> 3) << 2
        index = b"\x24" if base == _RSP else b""  # the SIB byte that says rsp
        self._code += bytes([prefix, opcode, 0x80 | (register & 7) << 3 | base]) + index + struct.pack("<i", offset)

    def _number(self, register: int, value: int) -> None:
        """mov r32, value: the upper half becomes 0."""
        self._code += bytes([0x40 | register >> 3, 0xB8 | register & 7]) + struct.pack("<I", value)

    def _to_label(self, digits: str, name: str) -> None:
        """An instruction that ends in a 32-bit distance to `name`."""
        self._raw(digits)
        self._fixups.append((len(self._code), name))
        self._code += bytes(4)

    def _fill_in(self, position: int, distance: int) -> None:
        struct.pack_into("<i", self._code, position, distance - 4)

    # ---- calls ----

    def _move(self, register: int, operand: Operand) -> None:
        match operand:
            case At(offset):
                self._memory(0x8D, register, _RBX, offset)  # lea register, [rbx + offset]
            case Word(offset):
                self._memory(0x8B, register, _RBX, offset)  # mov register, [rbx + offset]
            case Local(offset):
                self._memory(0x8D, register, _RSP, offset)  # lea register, [rsp + offset]
            case Here(label):
                self._to_label(f"488d{0x05 | register << 3:02x}", label)  # lea register, [rip + distance]
            case Kept() | Result():
                self._registers(0x8B, register, _register(operand))  # mov register, source
            case int(value):
                self._number(register, value)

    def arguments(self, *operands: Operand) -> None:
        for register, operand in zip(_CALL, operands, strict=False):
            self._move(register, operand)

    def call(self, address: int, *operands: Operand) -> None:
        self.arguments(*operands)
        self._code += b"\x48\xb8" + struct.pack("<Q", address) + b"\xff\xd0"  # mov rax, address; call rax

    def jump_to(self, address: int) -> None:
        self._code += b"\x48\xb8" + struct.pack("<Q", address) + b"\xff\xe0"  # mov rax, address; jmp rax

    def system_call(self, name: str, *operands: Operand) -> None:
        for register, operand in zip(_SYSTEM_CALL, operands, strict=False):
            self._move(register, operand)
        self._number(_RAX, self.system_calls[name])
        self._raw("0f05")  # syscall

    def call_label(self, name: str) -> None:
        self._to_label("e8", name)  # call name

    def return_(self) -> None:
        self._raw("c3")  # ret

    def return_from_signal(self, room: int) -> None:
        self.close_frame(room + 8)  # and the return address: to the signal frame
        self.system_call("rt_sigreturn")

    # ---- the stack ----

    def save_registers(self) -> None:
        for register in _SAVED:
            self._code += bytes([0x40 | register >> 3, 0x50 | register & 7])  # push register

    def restore_registers(self) -> None:
        for register in reversed(_SAVED):
            self._code += bytes([0x40 | register >> 3, 0x58 | register & 7])  # pop register

    def open_frame(self, room: int) -> None:
        self._code += b"\x48\x81\xec" + struct.pack("<i", room + 8)  # sub rsp, room + 8: aligned again after a call

    def close_frame(self, room: int) -> None:
        self._code += b"\x48\x81\xc4" + struct.pack("<i", room + 8)  # add rsp, room + 8

    # ---- values ----

    def take_block(self) -> None:
        self._registers(0x8B, _RBX, _RDI)  # mov rbx, rdi

    def set(self, kept: Kept, value: int) -> None:
        self._number(_KEPT[kept], value)

    def keep(self, kept: Kept) -> None:
        self._registers(0x8B, _KEPT[kept], _RAX)  # mov kept, rax

    def set_result(self, value: int) -> None:
        self._number(_RAX, value)

    def limit_result(self, most: int) -> None:
        self._number(_RCX, most)
        self._raw("4839c8")  # cmp rax, rcx
        self._raw("480f47c1")  # cmova rax, rcx

    def store(self, source: Kept | Result, offset: int) -> None:
        self._memory(0x89, _register(source), _RBX, offset, wide=False)  # mov [rbx + offset], source

    def store_pointer(self, offset: int) -> None:
        self._memory(0x89, _RAX, _RBX, offset)  # mov [rbx + offset], rax

    def store_local(self, offset: int, value: int) -> None:
        self._memory(0xC7, 0, _RSP, offset)  # mov qword [rsp + offset], value
        self._code += struct.pack("<i", value)

    def store_progress(self, source: Kept | int) -> None:
        self._move(_RAX, source)
        self._memory(0x87, _RAX, _RBX, block.PROGRESS, wide=False)  # xchg [rbx + progress], eax: a full barrier

    def copy_text(self) -> None:
        self._registers(0x8B, _RSI, _RAX)  # mov rsi, rax
        self._move(_RDI, At(block.TEXT))
        self._memory(0x8B, _RCX, _RBX, block.TEXT_LENGTH, wide=False)  # mov ecx, [rbx + length]
        self._raw("f3a4")  # rep movsb

    # ---- jumps ----

    def jump(self, name: str) -> None:
        self._to_label("e9", name)

    def jump_if_zero(self, source: Kept | Result, name: str) -> None:
        self._registers(0x85, _register(source), _register(source), wide=False)  # test source, source
        self._to_label("0f84", name)  # jz

    def jump_if_not_zero(self, source: Kept | Result, name: str) -> None:
        self._registers(0x85, _register(source), _register(source), wide=False)
        self._to_label("0f85", name)  # jnz

    def jump_if_null(self, source: Kept | Result, name: str) -> None:
        self._registers(0x85, _register(source), _register(source))
        self._to_label("0f84", name)

    def jump_if_set(self, offset: int, name: str) -> None:
        self._memory(0x81, 7, _RBX, offset, wide=False)  # cmp dword [rbx + offset], 0
        self._code += bytes(4)
        self._to_label("0f85", name)  # jne

    def jump_if_different(self, offset: int, name: str) -> None:
        self._memory(0x3B, _RAX, _RBX, offset, wide=False)  # cmp eax, [rbx + offset]
        self._to_label("0f85", name)

    def jump_unless(self, kept: Kept, value: int, name: str) -> None:
        self._number(_RAX, value)
        self._registers(0x3B, _KEPT[kept], _RAX, wide=False)  # cmp kept, eax
        self._to_label("0f85", name)

    def jump_if_past(self, offset: int, name: str) -> None:
        self._number(_RAX, _NANOSECONDS)
        self._raw("480faf0424")  # imul rax, [rsp]
        self._raw("4803442408")  # add rax, [rsp + 8]
        self._memory(0x3B, _RAX, _RBX, offset)  # cmp rax, [rbx + offset]
        self._to_label("0f8d", name)  # jge
