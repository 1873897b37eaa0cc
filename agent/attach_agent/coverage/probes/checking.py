"""Is rewritten code the same but for its probes? Told by taking the result apart once more, from its bytes alone."""

from __future__ import annotations

import sys

from .bytecode import (
    JUMP_FORWARD,
    JUMP_UNIT,
    LOAD_CONST,
    NOP,
    STORE_SUBSCR,
    Instructions,
    Unsafe,
    exception_handlers,
)
from .places import lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from .rewriting import Rewritten

_PROBE = [NOP, LOAD_CONST, LOAD_CONST, LOAD_CONST, STORE_SUBSCR]

#: What stays as it is. ``co_lnotab`` and the like are compared by what they say.
_KEPT = (
    "co_argcount",
    "co_cellvars",
    "co_filename",
    "co_firstlineno",
    "co_flags",
    "co_freevars",
    "co_kwonlyargcount",
    "co_name",
    "co_names",
    "co_nlocals",
    "co_posonlyargcount",
    "co_varnames",
) + (("co_qualname",) if sys.version_info >= (3, 11) else ())


def check(rewritten: Rewritten) -> None:
    """Raise Unsafe unless the new code does what the original does, and its probes what probes do."""
    old, new = rewritten.original, rewritten.code
    for name in _KEPT:
        if getattr(old, name) != getattr(new, name):
            raise Unsafe("%s has changed" % name)
    _check_constants(old, new)
    before = Instructions(old.co_code)
    after = Instructions(new.co_code)
    places = _without_probes(rewritten, after)
    if [after.opcodes[at] for at in places] != before.opcodes:
        raise Unsafe("instructions have changed")
    _check_arguments(before, after, places)
    _check_lines(old, new, before, after, places)
    _check_exceptions(old, new, before, after, places)


def _check_constants(old: CodeType, new: CodeType) -> None:
    kind = type(old)
    for one, other in zip(old.co_consts, new.co_consts):
        if one is not other and not (type(one) is type(other) is kind and one.co_name == other.co_name):
            raise Unsafe("a constant has changed")


def _without_probes(rewritten: Rewritten, after: Instructions) -> list[int]:
    """The index, in the new code, of each instruction that is not part of a probe."""
    constants = rewritten.code.co_consts
    places: list[int] = []
    index = 0
    for offset in rewritten.offsets:
        probe = after.index_at.get(offset, -1)
        places += range(index, probe)
        index = probe + len(_PROBE)
        if after.opcodes[probe:index] != _PROBE:
            raise Unsafe("a probe is not where it should be")
        value, window, own = (constants[argument] for argument in after.arguments[probe + 1 : probe + 4])
        distance = (after.starts[index] - after.starts[probe] - 2) // JUMP_UNIT
        if value != JUMP_FORWARD or window is not rewritten.window or own != offset:
            raise Unsafe("a probe writes elsewhere")
        if after.arguments[probe] != distance or rewritten.window[offset] != NOP:
            raise Unsafe("a probe would lead elsewhere")
    return places + list(range(index, len(after.opcodes)))


def _check_arguments(before: Instructions, after: Instructions, places: list[int]) -> None:
    """Arguments are equal; jumps lead to the same instruction, its probe first."""
    jumps = before.jumps
    if jumps.keys() != {index for index, at in enumerate(places) if at in after.jumps}:
        raise Unsafe("jumps have changed")
    for index, at in enumerate(places):
        target = jumps.get(index)
        if target is None:
            if before.arguments[index] != after.arguments[at]:
                raise Unsafe("an argument has changed")
        elif after.jumps[at] != _entry(places, target):
            raise Unsafe("a jump leads elsewhere")


def _entry(places: list[int], index: int) -> int:
    """Where whatever leads to an instruction has to lead: right behind the one before, where its probe is, if any."""
    return places[index - 1] + 1 if index else 0


def _check_lines(old: CodeType, new: CodeType, before: Instructions, after: Instructions, places: list[int]) -> None:
    lines = lines_of(new, after)
    if [lines[at] for at in places] != lines_of(old, before):
        raise Unsafe("line numbers have changed")
    for index, at in enumerate(places):
        entry = _entry(places, index)
        if entry != at and set(lines[entry:at]) != {lines[at]}:
            raise Unsafe("a probe is on another line")
    if sys.version_info >= (3, 11):
        ours, theirs = list(new.co_positions()), list(old.co_positions())
        found = [ours[after.starts[at + 1] // 2 - 1] for at in places]
        if found != [theirs[end // 2 - 1] for end in before.starts[1:]]:
            raise Unsafe("positions have changed")


def _check_exceptions(
    old: CodeType, new: CodeType, before: Instructions, after: Instructions, places: list[int]
) -> None:
    def moved(offset: int) -> int:
        index = before.index_at.get(offset)
        return after.starts[-1] if index is None else after.starts[_entry(places, index)]

    expected: list[tuple[Any, ...]] = [
        (moved(start), moved(end), moved(handler), depth) for start, end, handler, depth in exception_handlers(old)
    ]
    if exception_handlers(new) != expected:
        raise Unsafe("the table of exceptions has changed")
