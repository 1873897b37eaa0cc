"""The tables of a code object that name offsets, for instructions that have moved.

`moved` leads from each offset between two instructions to where it is now; see `rewriting.Layout`.
"""

from __future__ import annotations

import sys

from .bytecode import exception_handlers
from .places import line_starts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

    Moved = Callable[[int], int]

_NO_COLUMNS, _LONG, _NO_LINE, _SAME_LINE = 13, 14, 15, 10
_LONGEST_ENTRY = 8  # units


def replaced(code: CodeType, moved: Moved) -> dict[str, Any]:
    """The tables by the names that ``code.replace`` knows them by."""
    if sys.version_info >= (3, 11):
        return {"co_linetable": _locations(code, moved), "co_exceptiontable": _exceptions(code, moved)}
    if sys.version_info >= (3, 10):
        return {"co_linetable": _line_table(code, moved)}
    return {"co_lnotab": _lnotab(code, moved)}


def _lnotab(code: CodeType, moved: Moved) -> bytes:
    """Python 3.8 and 3.9: pairs of an unsigned step in offsets and a signed one in lines."""
    table = bytearray()
    offset, line = 0, code.co_firstlineno
    for start, new_line in line_starts(code):
        step, change = moved(start) - offset, new_line - line
        offset, line = offset + step, new_line
        while step > 255:
            table += b"\xff\0"
            step -= 255
        while not -128 <= change <= 127:
            part = 127 if change > 0 else -128
            table += bytes((step, part & 255))
            step, change = 0, change - part
        if step or change:
            table += bytes((step, change & 255))
    return bytes(table)


def _line_table(code: CodeType, moved: Moved) -> bytes:
    """Python 3.10 (PEP 626): pairs of a range's length and a signed step in lines; -128 is no line."""
    table = bytearray()
    line = code.co_firstlineno
    for start, end, new_line in code.co_lines():
        length = moved(end) - moved(start)
        change = 0 if new_line is None else new_line - line
        while not -127 <= change <= 127:
            part = 127 if change > 0 else -127
            table += bytes((0, part & 255))
            change -= part
        if new_line is not None:
            line = new_line
        while length > 254:
            table += bytes((254, 128 if new_line is None else change & 255))
            length, change = length - 254, 0
        table += bytes((length, 128 if new_line is None else change & 255))
    return bytes(table)


def _locations(code: CodeType, moved: Moved) -> bytes:
    """Python 3.11 (Objects/locations.md): entries of at most 8 units, lines relative to the entry before."""
    old = code.co_linetable
    table = bytearray()
    offset = at = 0
    while at < len(old):
        after = at + 1
        while after < len(old) and not old[after] & 128:
            after += 1
        kind = old[at] >> 3 & 15
        end = offset + 2 * ((old[at] & 7) + 1)
        units = (moved(end) - moved(offset)) // 2
        rest = old[at + 1 : after]
        offset, at = end, after
        while units > 0:
            length = min(units, _LONGEST_ENTRY)
            table.append(128 | kind << 3 | length - 1)
            table += rest
            units -= length
            kind, rest = _continued(kind, rest)
    return bytes(table)


def _continued(kind: int, rest: bytes) -> tuple[int, bytes]:
    """The same location once more, which means on the line of the entry before."""
    if kind in (_NO_COLUMNS, _LONG):
        step = 1
        while rest[step - 1] & 64:
            step += 1
        return kind, b"\0" + rest[step:]
    if _SAME_LINE <= kind < _NO_COLUMNS:
        return _SAME_LINE, rest
    return kind, rest


def _exceptions(code: CodeType, moved: Moved) -> bytes:
    table = bytearray()
    for start, end, handler, depth in exception_handlers(code):
        new = moved(start)
        for mark, value in ((128, new // 2), (0, (moved(end) - new) // 2), (0, moved(handler) // 2), (0, depth)):
            table += _number(value, mark)
    return bytes(table)


def _number(value: int, mark: int) -> bytes:
    """Six bits a byte, the highest first; `mark` is set in the first, 64 in all that another follows."""
    digits = [value & 63]
    value >>= 6
    while value:
        digits.append(value & 63 | 64)
        value >>= 6
    digits[-1] |= mark
    return bytes(reversed(digits))
