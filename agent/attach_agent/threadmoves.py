"""The trace function of every thread of this interpreter, read and set from one thread: CPython 3.12 and later.

There tracing is a tool of ``sys.monitoring``, which is on while a thread is traced: the interpreter counts them
(Python/legacy_tracing.c). ``sys._settraceallthreads`` counts right, but it overwrites what others trace with. So a
trace function is set in our own thread, which counts it, and from there its fields are moved to the thread that is
meant; and the other way round to remove it.
"""

from __future__ import annotations

import sys
from _operator import itemgetter, not_
from itertools import chain, compress, islice, repeat, tee

from .stacks import paused_collection
from .threadstates import WORD, Pointer, ThreadStates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Iterator


def thread_states() -> ThreadStates:
    """Those of this version of Python; raises what `ThreadStates` raises."""
    return MovedThreadStates() if sys.version_info >= (3, 12) else ThreadStates()


_ZERO = Pointer(0)


class MovedThreadStates(ThreadStates):
    """`ThreadStates`, for Python 3.12 and later."""

    def install(self, function: Any) -> int:
        def untraced() -> Iterator[int]:
            states, again = tee(self._states())
            return filter(this.__ne__, compress(states, map(not_, self._words(again, self._function_at))))

        this = self._current()
        return self._repeat(untraced, lambda: self._move_out(this, function, untraced()))

    def remove(self, objects: list[Any]) -> None:
        def traced() -> Iterator[int]:
            states, again = tee(self._states())
            found = compress(states, map(wanted.__contains__, self._words(again, self._object_at)))
            return filter(this.__ne__, found)

        this = self._current()
        wanted = {id(item) for item in objects}
        if id(sys.gettrace()) in wanted:
            sys.settrace(None)
        self._repeat(traced, lambda: self._move_in(this, traced()))

    def _repeat(self, threads: Callable[[], Iterator[int]], move: Callable[[], Iterator[object]]) -> int:
        """Move once for each of the threads; returns how often there was something to move."""
        with paused_collection():
            count = len(list(threads()))
        moved = 0
        for _ in range(count):
            steps = move()
            # no function in Python is called until all steps are done: while our own thread is traced nobody notices
            with paused_collection():
                done = list(steps)
            moved += len(done) > 2  # the first and the last are always taken
        return moved

    def _move_out(self, this: int, function: Any, threads: Iterator[int]) -> Iterator[object]:
        """Trace our own thread, then have the first of the threads traced instead."""
        first, second, third, fourth = tee(islice(threads, 1), 4)
        return chain(
            map(sys.settrace, (function,)),
            self._move_word(this, first, self._object_at),
            self._move_word(this, second, self._function_at),
            self._clear_own(this, third, self._object_at),
            self._clear_own(this, fourth, self._function_at),
            map(sys.settrace, (None,)),
        )

    def _move_in(self, this: int, threads: Iterator[int]) -> Iterator[object]:
        """Have our own thread traced instead of the first of the threads, then no more."""
        first, second, third, fourth = tee(islice(threads, 1), 4)
        return chain(
            map(sys.settrace, (None,)),
            map(self._copy, repeat(this + self._object_at), self._at(first, self._object_at), repeat(WORD)),
            map(self._copy, repeat(this + self._function_at), self._at(second, self._function_at), repeat(WORD)),
            self._write(self._at(third, self._object_at), _ZERO, WORD),
            self._write(self._at(fourth, self._function_at), _ZERO, WORD),
            map(sys.settrace, (None,)),
        )

    def _move_word(self, this: int, threads: Iterator[int], offset: int) -> Iterator[object]:
        return map(self._copy, self._at(threads, offset), repeat(this + offset), repeat(WORD))

    def _clear_own(self, this: int, threads: Iterator[int], offset: int) -> Iterator[object]:
        """Clear a field of our own thread, if there is a thread that has got it."""
        return self._write(map(itemgetter(0), zip(repeat(this + offset), threads)), _ZERO, WORD)

    def _find_flag(self, before: bytes, during: bytes) -> None:
        """There is none: events say whether a thread may be traced, and its trace function whether it is."""
        sys.settrace(None)
