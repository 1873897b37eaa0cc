"""The lines of a code object at which CPython tells a tracer that it has come there."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType


def _generator() -> Iterator[None]:
    yield


#: What the code of a function begins with, by its number: RESUME (3.11), in generators of 3.10 GEN_START.
_BEGIN = _generator.__code__.co_code[0] if sys.version_info[:2] == (3, 10) else (lambda: None).__code__.co_code[0]


def lines_of(code: CodeType) -> list[int]:
    """In the order of the code; a line may come more than once."""
    begin = body_of(code)
    if sys.version_info >= (3, 10):
        return [line for _, end, line in code.co_lines() if line and end > begin]
    return [line for _, line in _starts(code)]


def first_line(code: CodeType) -> int:
    """That of the first statement of the body, which a docstring is not."""
    lines = lines_of(code)
    return lines[0] if lines else code.co_firstlineno


def body_of(code: CodeType) -> int:
    """The offset where the body begins: what is before makes the frame, and is told of by a call event."""
    if sys.version_info < (3, 10):
        return 0
    at = code.co_code[::2].find(_BEGIN)
    if sys.version_info < (3, 11):
        return 2 if at == 0 else 0
    return 2 * at + _BEGIN_SIZE if at >= 0 else 0


def _starts(code: CodeType) -> Iterator[tuple[int, int]]:
    """Offset and line (Objects/lnotab_notes.txt)."""
    offset, line = 0, code.co_firstlineno
    told = -1
    table = code.co_lnotab
    for step, change in zip(table[::2], table[1::2]):
        if step:
            if line != told:
                told = line
                yield offset, line
            offset += step
        line += change - 256 if change >= 128 else change
    if line != told:
        yield offset, line


#: Bytes of RESUME, which has a cache from 3.15 on: what this function has on the line of its ``def``.
_BEGIN_SIZE = next(iter(first_line.__code__.co_lines()))[1] if sys.version_info >= (3, 11) else 0
