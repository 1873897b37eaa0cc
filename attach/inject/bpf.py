"""What a seccomp filter answers to a system call: an evaluator of classic BPF.

Only the instructions that seccomp accepts (kernel/seccomp.c, seccomp_check_filter), on struct seccomp_data
(linux/seccomp.h). All jumps go forward, so a run ends after at most as many steps as there are instructions.
"""

import enum
import struct
from collections.abc import Sequence
from dataclasses import dataclass

_MASK = 0xFFFFFFFF
_WORD = struct.Struct("<I")
_INSTRUCTION = struct.Struct("<HBBI")
_DATA = struct.Struct("<IIQ6Q")
_CELLS = 16  # BPF_MEMWORDS
_ACTION, _ERRNO = 0xFFFF0000, 0xFFFF
_MAX_ERRNO = 4095

# linux/bpf_common.h: the class of an instruction, and which other bits mean something in it
_LD, _LDX, _ST, _STX, _ALU, _JMP, _RET, _MISC = range(8)
_IMM, _ABS, _MEM, _LEN = 0x00, 0x20, 0x60, 0x80
_X, _A = 0x08, 0x10
_TXA = 0x80
_DIV, _NEG = 0x30, 0x80


class Action(enum.IntEnum):
    """What a filter decides, in the kernel's order of precedence (seccomp(2))."""

    KILL_PROCESS = -0x80000000
    KILL_THREAD = 0
    TRAP = 0x00030000
    ERRNO = 0x00050000
    USER_NOTIF = 0x7FC00000
    TRACE = 0x7FF00000
    LOG = 0x7FFC0000
    ALLOW = 0x7FFF0000


@dataclass(frozen=True, slots=True)
class Answer:
    """An action; `errno` counts for `Action.ERRNO` alone, and 0 there is a success that was not one."""

    action: Action
    errno: int = 0


class _Unknown(Exception):
    """An instruction that seccomp does not accept."""


class Program:
    """One filter, from the bytes that PTRACE_SECCOMP_GET_FILTER gives: an array of struct sock_filter."""

    def __init__(self, code: bytes) -> None:
        self._instructions = list(_INSTRUCTION.iter_unpack(code))

    def run(self, data: bytes) -> int:
        """The value that it returns for a struct seccomp_data; KILL_PROCESS for an instruction that is unknown."""
        try:
            return self._run(data)
        except (_Unknown, IndexError, struct.error):
            return Action.KILL_PROCESS & _MASK

    def _run(self, data: bytes) -> int:
        a = x = 0
        cells = [0] * _CELLS
        position = 0
        while True:
            code, if_true, if_false, k = self._instructions[position]
            position += 1
            kind = code & 7
            if kind == _JMP:
                other = x if code & _X else k
                operation = code & 0xF0
                if operation == 0x00:
                    position += k
                else:
                    position += if_true if _holds(operation, a, other) else if_false
            elif code == _LD | _ABS:
                (a,) = _WORD.unpack_from(data, k)
            elif kind == _RET:
                return a if code & 0x18 == _A else k
            elif kind == _ALU:
                if code & 0xF0 == _DIV and code & _X and x == 0:
                    return 0  # a division by zero ends the program with 0
                a = _computed(code & 0xF0, a, x if code & _X else k)
            elif kind in (_ST, _STX):
                cells[k] = a if kind == _ST else x
            elif kind == _MISC:
                a, x = (x, x) if code & 0xF8 == _TXA else (a, a)
            elif kind == _LD:
                a = _loaded(code, k, cells)
            else:
                x = _loaded(code, k, cells)


def _loaded(code: int, k: int, cells: list[int]) -> int:
    mode = code & 0xE0
    if mode == _IMM:
        return k
    if mode == _MEM:
        return cells[k]
    if mode == _LEN:
        return _DATA.size
    raise _Unknown


def _holds(operation: int, a: int, other: int) -> bool:
    if operation == 0x10:
        return a == other
    if operation == 0x20:
        return a > other
    if operation == 0x30:
        return a >= other
    if operation == 0x40:
        return bool(a & other)
    raise _Unknown


def _computed(operation: int, a: int, other: int) -> int:
    """BPF_ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, XOR on 32 bits; shifts count modulo 32."""
    if operation == 0x00:
        result = a + other
    elif operation == 0x10:
        result = a - other
    elif operation == 0x20:
        result = a * other
    elif operation == _DIV:
        result = a // other
    elif operation == 0x40:
        result = a | other
    elif operation == 0x50:
        result = a & other
    elif operation == 0x60:
        result = a << (other & 31)
    elif operation == 0x70:
        result = a >> (other & 31)
    elif operation == _NEG:
        result = -a
    elif operation == 0xA0:
        result = a ^ other
    else:
        raise _Unknown
    return result & _MASK


def answer(programs: Sequence[Program], architecture: int, number: int, arguments: Sequence[int], where: int) -> Answer:
    """What all filters together answer to one system call; `programs` in the order in which they were installed.

    `architecture` is an AUDIT_ARCH_* (linux/audit.h), `where` the address of the system call instruction. The most
    severe action counts, and of several errors that of the filter that was installed last.
    """
    six = [value & (1 << 64) - 1 for value in (*arguments, *[0] * (6 - len(arguments)))]
    data = _DATA.pack(number, architecture, where, *six)
    value = int(Action.ALLOW)
    for program in reversed(programs):
        new = program.run(data)
        if _severity(new) < _severity(value):
            value = new
    try:
        action = Action(_severity(value))
    except ValueError:
        action = Action.KILL_PROCESS  # as the kernel does with a value that it does not know
    return Answer(action, min(value & _ERRNO, _MAX_ERRNO) if action is Action.ERRNO else 0)


def _severity(value: int) -> int:
    """The action in a filter's value: the lower the more severe, as a signed number."""
    action = value & _ACTION
    return action - (1 << 32) if action >> 31 else action
