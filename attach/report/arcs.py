"""Arcs and trails of branches, and what they say once the source is known.

Where an arc leads is seen in a line table, whose lines are those of the source; coverage.py wants the first line of
each statement. The C tracer leaves that to the report. On ``sys.monitoring`` it matters already for where a branch led:
to the first line that belongs to another statement (coverage/bytecode.py, BranchArcResolver). A target does not read
its sources for us, so it sends a trail: all lines that follow, and here we see which one it is.
"""

from __future__ import annotations

import io
import re
import token
import tokenize
from typing import TYPE_CHECKING

from attach_agent.wire import ARC_BITS, arc, arc_ends, is_trail, pack_arcs, trail_lines, unpack_arcs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Arc = tuple[int, int]

#: Hexadecimal digits of one arc or trail: one of 500 lines.
MAX_DIGITS = (ARC_BITS + 500 * 29) // 4


def count_of(packed: bytes) -> int:
    """How many arcs and trails, at most."""
    return packed.count(b" ") + 1 if packed else 0


def sound(packed: bytes) -> bool:
    """Can this be what `attach_agent.wire.pack_arcs` makes, with trails of a length that occurs?"""
    try:
        numbers = unpack_arcs(packed)
    except ValueError:
        return False
    return not numbers or max(numbers).bit_length() <= MAX_DIGITS * 4


def largest_line(packed: bytes) -> int:
    """The largest line number in any arc or trail."""
    return max((abs(line) for number in unpack_arcs(packed) for line in trail_lines(number)), default=0)


def lines_of(packed: bytes) -> set[int]:
    """The lines that ran: the ends of arcs, and where branches were."""
    found: set[int] = set()
    for number in unpack_arcs(packed):
        found.update(arc_ends(number)[: 1 if is_trail(number) else 2])
    return {line for line in found if line > 0}


def settled(packed: bytes, first_lines: Callable[[], Mapping[int, int]]) -> bytes:
    """The arcs as coverage.py records them, without trails.

    `first_lines` maps lines to those that their statements begin with; it is called if there are trails.
    """
    numbers = unpack_arcs(packed)
    if not any(map(is_trail, numbers)):
        return packed
    known = first_lines()
    return pack_arcs({arc(*ends) for number in numbers for ends in _arcs_of(number, known)})


def either(one: bytes, other: bytes) -> bytes:
    """What is in one of the two packed sets."""
    return one + b" " + other if one and other else one or other


def _arcs_of(number: int, first_lines: Mapping[int, int]) -> Iterator[Arc]:
    if not is_trail(number):
        yield arc_ends(number)
        return
    raw_start, destination, *rest = trail_lines(number)
    start = first_lines.get(raw_start, raw_start)
    for line in (destination, *rest):
        end = first_lines.get(line, line)
        if line and end != start:
            yield start, end
            return
    # another branch follows within the same statement, or nothing at all
    if destination and destination != raw_start:
        yield raw_start, destination


#: What decides where statements end: strings, comments, brackets, ends of lines. A quote that is left over has no end.
_DECISIVE = re.compile(
    r"""
    "{3}(?:[^"\\]|\\.|"(?!""))*"{3} | '{3}(?:[^'\\]|\\.|'(?!''))*'{3}
    | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | ["']
    | \#[^\n]* | [(\[{)\]}] | \\?\n
    """,
    re.DOTALL | re.VERBOSE,
)


def first_lines_of(text: str) -> dict[int, int]:
    """For lines of statements of several lines the first one, as coverage/parser.py has it (multiline_map).

    Empty if the text cannot be read as Python.
    """
    found = _quickly(text)
    return _by_tokens(text) if found is None else found


def _quickly(text: str) -> dict[int, int] | None:
    """The same at a fifth of the cost of ``tokenize``; None if brackets or quotes are left over.

    Of an f-string with the same quotes inside it takes the parts for strings. That does no harm, unless brackets are
    left over.
    """
    found: dict[int, int] = {}
    line = begin = 1  # the line, and where its text begins, both counted from 1
    first = depth = 0
    for match in _DECISIVE.finditer(text):
        kind, start = match[0], match.start()
        if kind[0] in "([{":
            depth += 1
        elif kind[0] in ")]}":
            depth -= 1
        elif kind in {'"', "'"} or depth < 0:
            return None
        elif kind[0] == "#" or kind[-1] == "\n" or "\n" in kind:
            if not first and (kind[0] in "\"'" or text[begin - 1 : start].strip()):
                first = line
            begin = match.end() + 1
            line += kind.count("\n")
            if kind == "\n" and first and not depth:
                if line - 1 != first:
                    found.update(dict.fromkeys(range(first, line), first))
                first = 0
    return None if depth or first else found


def _by_tokens(text: str) -> dict[int, int]:
    """The same, by the rules of coverage/parser.py."""
    first_lines: dict[int, int] = {}
    first = 0
    try:
        for kind, string, (line, _), (last, _), _ in tokenize.generate_tokens(io.StringIO(text).readline):
            if kind == token.NEWLINE:
                if first and last != first:
                    first_lines.update(dict.fromkeys(range(first, last + 1), first))
                first = 0
            if not first and kind != tokenize.COMMENT and string.strip():
                first = line
    except (tokenize.TokenError, SyntaxError):
        return {}
    return first_lines
