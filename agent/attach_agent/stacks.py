"""The frames of all threads, taken at one instant.

A loop over ``frame.f_back`` in Python may lose the GIL between two frames. If the generator it has just
reached yields meanwhile, the generator's ``f_back`` becomes None and the frames below it are never seen. So a
whole walk is one call into C, driven by C iterators, which no other thread can interrupt. Only a garbage
collection could (its finalizers are Python code): from Python 3.12 on it waits for the next bytecode, before
that it is put off during the walk.
"""

from __future__ import annotations

import gc
import sys
import time
from _operator import attrgetter, contains, itemgetter
from itertools import accumulate, chain, compress, repeat, starmap, takewhile, tee

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any, Iterable, Iterator

#: How long `wait_until_left` waits, in seconds.
PATIENCE = 2.0

#: Objects of the heap that are looked through before other threads get their turn.
CHUNK = 20_000

#: What is executed: a code object and the globals of the module that it runs in.
_CODE_AND_GLOBALS = attrgetter("f_code", "f_globals")
_CODE_AND_LINE = attrgetter("f_code", "f_lineno")


class paused_collection:
    """No automatic garbage collection in the block; the setting is the target's and is put back."""

    def __enter__(self) -> None:
        self._enabled = gc.isenabled()
        if self._enabled:
            gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            gc.enable()


def current_stacks() -> dict[int, list[FrameType]]:
    """The stack of every thread by thread ident, innermost frame first.

    The caller must drop the frames soon: while it holds them their local variables stay alive.
    """
    # `_current_frames` is called by the iterator itself, so that nothing runs between it and the walk
    pairs, again = tee(chain.from_iterable(map(dict.items, starmap(sys._current_frames, ((),)))))
    idents = map(itemgetter(0), pairs)
    stacks = map(list, _walks(map(itemgetter(slice(1, None)), again)))
    with paused_collection():
        return dict(zip(idents, stacks))


def current_places() -> dict[int, list[tuple[FrameType, tuple[CodeType, int]]]]:
    """As `current_stacks`, with the code of each frame and the line (None: none) that it is at in that instant.

    A line that is asked for later is that of a thread that went on.
    """
    pairs, again = tee(chain.from_iterable(map(dict.items, starmap(sys._current_frames, ((),)))))
    idents = map(itemgetter(0), pairs)
    twice, too = tee(map(tee, _walks(map(itemgetter(slice(1, None)), again))))
    places = map(map, repeat(_CODE_AND_LINE), map(itemgetter(1), too))
    stacks = map(list, map(zip, map(itemgetter(0), twice), places))
    with paused_collection():
        return dict(zip(idents, stacks))


def running_code(suspended: list[Any] = []) -> list[tuple[CodeType, dict[str, Any]]]:  # noqa: B006  (never changed)
    """Code and globals of every frame of every thread, and of the greenlets `suspended`; no frame is held."""
    running = chain.from_iterable(map(dict.values, starmap(sys._current_frames, ((),))))
    tops = zip(chain(running, map(attrgetter("gr_frame"), suspended)))
    with paused_collection():
        return list(map(_CODE_AND_GLOBALS, chain.from_iterable(_walks(tops))))


def greenlets(pause: Callable[[float], object]) -> list[Any]:
    """All greenlets of the process. A suspended one is on no thread's stack, and resumes without any event."""
    module = sys.modules.get("greenlet")
    kind = getattr(module, "greenlet", None)
    if type(kind) is not type:
        return []
    return list(heap(lambda types: map(issubclass, types, repeat(kind)), pause))


def heap(wanted: Callable[[Iterator[type[Any]]], Iterator[bool]], pause: Callable[[float], object]) -> Iterator[Any]:
    """The objects that the garbage collector knows, if their types are `wanted`.

    They are looked through in pieces, between which other threads get their turn. Objects only ever move to an older
    generation, so none is missed. The list keeps all objects alive, so it is given back piece by piece, without delay.
    """
    for generation in range(3):
        objects = gc.get_objects(generation)
        while objects:
            chunk = objects[-CHUNK:]
            del objects[-CHUNK:]
            found = list(compress(chunk, wanted(map(type, chunk))))
            del chunk
            pause(0.0005)
            yield from found


def heap_of(kinds: Iterable[type[Any]], pause: Callable[[float], object]) -> Iterator[Any]:
    """`heap`, of these types. They are told by their addresses: a metaclass of the program may define ``__hash__``."""
    wanted = frozenset(map(id, kinds))
    return heap(lambda types: map(contains, repeat(wanted), map(id, types)), pause)


def wait_until_left(codes: frozenset[int], pause: Callable[[float], object]) -> bool:
    """Return when no thread runs any of these code objects (by id); False if that takes longer than `PATIENCE`.

    Made for callbacks that a thread enters, with their frame, under one hold of the GIL, and that it leaves
    at once, unless a signal handler of the target runs on top of them.
    """
    deadline = time.monotonic() + PATIENCE
    while any(id(code) in codes for code, _ in running_code()):
        if time.monotonic() > deadline:
            return False
        pause(0.001)
    return True


def _walks(tops: Iterator[Any]) -> Iterator[Iterator[FrameType]]:
    """For each 1-tuple of a frame the iterator frame, frame.f_back, frame.f_back.f_back, ..."""
    steps = map(accumulate, map(chain, tops, repeat(repeat("f_back"))), repeat(getattr))
    return map(takewhile, repeat(bool), steps)
