"""Bytecode of CPython 3.8 - 3.11, taken apart: opcode.py, and Python/ceval.c for what an argument means.

The numbers are written down since the agent imports no Python module of the target's standard library. A test compares
them with ``opcode`` of each version; `KNOWN_MAGIC` tells a Python whose bytecode is another.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_VERSION = sys.version_info[:2]

#: importlib's magic number of the bytecode that is known here.
KNOWN_MAGIC = {(3, 8): 3413, (3, 9): 3425, (3, 10): 3439, (3, 11): 3495}.get(_VERSION)

#: The same in all four versions.
NOP, STORE_SUBSCR, LOAD_CONST, JUMP_FORWARD, EXTENDED_ARG = 9, 60, 100, 110, 144

#: 3.8 - 3.10; from 3.11 on there is a table of exceptions instead.
SETUPS = frozenset((122, 143, 154)) if _VERSION < (3, 11) else frozenset()  # SETUP_FINALLY, _WITH, _ASYNC_WITH
GEN_START = 129 if _VERSION == (3, 10) else -1
END_ASYNC_FOR = 54  # the same in all four versions
RESUME, SEND = (151, 123) if _VERSION == (3, 11) else (-1, -1)

RELATIVE = {
    (3, 8): frozenset((93, 110, 122, 143, 154, 162)),
    (3, 9): frozenset((93, 110, 122, 143, 154)),
    (3, 10): frozenset((93, 110, 122, 143, 154)),
    (3, 11): frozenset((93, 110, 111, 112, 114, 115, 123, 128, 129, 134, 140, 173, 174, 175, 176)),
}.get(_VERSION, frozenset())
ABSOLUTE = {
    (3, 8): frozenset((111, 112, 113, 114, 115)),
    (3, 9): frozenset((111, 112, 113, 114, 115, 121)),
    (3, 10): frozenset((111, 112, 113, 114, 115, 121)),
}.get(_VERSION, frozenset())
#: Relative ones that count down from where they end.
BACKWARD = frozenset((134, 140, 173, 174, 175, 176)) if _VERSION == (3, 11) else frozenset()

#: Bytes of one unit that a jump counts in.
JUMP_UNIT = 2 if _VERSION >= (3, 10) else 1

#: Bytes of inline cache behind each opcode.
CACHES = [0] * 256
if _VERSION == (3, 11):
    for _opcode, _units in (
        ((25, 4), (60, 1), (92, 1), (95, 4), (106, 4), (107, 2), (116, 5), (122, 1), (160, 10), (166, 1), (171, 4))
    ):  # fmt: skip
        CACHES[_opcode] = 2 * _units


class Unsafe(Exception):
    """This code object cannot be rewritten for certain; the message says why."""


class Instructions:
    """Instructions of one code object by index; an EXTENDED_ARG is part of what it extends."""

    __slots__ = ("arguments", "index_at", "jumps", "opcodes", "starts")

    def __init__(self, content: bytes) -> None:
        """`content` is ``co_code``. Raises Unsafe if a jump leads into the middle of an instruction."""
        self.opcodes: list[int] = []
        self.arguments: list[int] = []
        #: Offset of each, and of the end.
        self.starts: list[int] = []
        self.index_at: dict[int, int] = {}
        #: Index of each jump -> index it leads to.
        self.jumps: dict[int, int] = {}
        self._decode(content)

    def _decode(self, content: bytes) -> None:
        opcodes, arguments, starts, caches = self.opcodes, self.arguments, self.starts, CACHES
        relative, absolute = RELATIVE, ABSOLUTE
        leads_to = []
        start = offset = extended = 0
        end = len(content)
        while offset < end:
            opcode = content[offset]
            argument = extended | content[offset + 1]
            offset += 2
            if opcode == EXTENDED_ARG:
                extended = argument << 8
                continue
            offset += caches[opcode]
            if opcode in relative:
                distance = argument * JUMP_UNIT
                leads_to.append((len(opcodes), offset - distance if opcode in BACKWARD else offset + distance))
            elif opcode in absolute:
                leads_to.append((len(opcodes), argument * JUMP_UNIT))
            starts.append(start)
            opcodes.append(opcode)
            arguments.append(argument)
            start, extended = offset, 0
        self.index_at = {at: index for index, at in enumerate(starts)}
        starts.append(end)
        for index, target in leads_to:
            if target not in self.index_at:
                raise Unsafe("a jump leads nowhere")
            self.jumps[index] = self.index_at[target]


def exception_handlers(code: CodeType) -> list[tuple[int, int, int, int]]:
    """Python 3.11's table of exceptions: offsets of start, end and handler; depth and lasti in one number.

    Objects/exception_handling_notes.txt.
    """
    values = []
    value = 0
    for byte in getattr(code, "co_exceptiontable", b""):
        value = (value << 6) | (byte & 63)
        if not byte & 64:
            values.append(value)
            value = 0
    return [
        (2 * values[at], 2 * (values[at] + values[at + 1]), 2 * values[at + 2], values[at + 3])
        for at in range(0, len(values), 4)
    ]
