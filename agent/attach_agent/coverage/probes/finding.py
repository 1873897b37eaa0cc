"""Functions, and what is suspended in the middle of one, found among all objects of the process."""

from __future__ import annotations

import gc
from _operator import contains, is_
from _weakref import ref
from itertools import chain, compress, repeat, tee

from ...frames import suspended_kinds
from ...stacks import heap, paused_collection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

_FUNCTION = type(lambda: None)


def functions(pause: Callable[[float], object]) -> list[ref[Any]]:
    """Weak references to all functions of the process: what dies meanwhile dies as ever, in the thread that uses it."""
    return list(map(ref, heap(lambda types: map(is_, types, repeat(_FUNCTION)), pause)))


def young_functions() -> list[ref[Any]]:
    """Functions made so recently that no full collection has seen them.

    One call into C, within which no other thread runs: a list of all objects would keep them alive.
    """
    objects, again = tee(chain.from_iterable(map(gc.get_objects, (0, 1))))
    with paused_collection():
        return list(map(ref, compress(objects, map(is_, map(type, again), repeat(_FUNCTION)))))


class Suspended:
    """Generators, coroutines and asynchronous generators, which run code of any time when they are resumed."""

    def __init__(self) -> None:
        self._kinds = suspended_kinds()

    def find(self, is_old: Callable[[CodeType, dict[str, Any]], bool], pause: Callable[[float], object]) -> list[Any]:
        """Weak references to those that have not ended and whose code and namespace `is_old`."""
        kinds = self._kinds
        found = []
        for item in heap(lambda types: map(contains, repeat(kinds), types), pause):
            frame = getattr(item, kinds[type(item)] + "frame")
            if frame is not None and is_old(frame.f_code, frame.f_globals):
                found.append(ref(item))
        return found

    def frame_of(self, reference: Any) -> FrameType | None:
        """Its frame, or None if it has ended."""
        item = reference()
        frame: FrameType | None = None if item is None else getattr(item, self._kinds[type(item)] + "frame")
        return frame
