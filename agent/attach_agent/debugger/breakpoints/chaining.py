"""A trace function of ours before that of whoever traces a thread already: CPython 3.8 - 3.11."""

from __future__ import annotations

from itertools import chain, compress, repeat, tee

from ...errors import AgentError
from ...stacks import paused_collection
from ...threadstates import WORD, Pointer, ThreadStates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

#: Added to the count of traced threads of 3.8 and 3.9 (`ThreadStates.force_tracing`); not what coverage adds.
_BREAKPOINTS = 1 << 24
_COVERAGE = 1 << 20

#: How often the fields are looked for, if our own thread is traced in that moment.
ATTEMPTS = 5


class ChainedThreadStates(ThreadStates):
    """`ThreadStates` in which one trace function takes the place of another, and gives it back."""

    def __init__(self) -> None:
        for left in reversed(range(ATTEMPTS)):
            try:
                super().__init__()
                return
            except AgentError:  # coverage's watcher, which looks after all threads, has given ours a tracer just then
                if not left:
                    raise

    @property
    def trampoline(self) -> int:
        """The C function that CPython calls for what was given to ``sys.settrace``."""
        return self._trampoline

    def traced(self) -> list[tuple[Any, int]]:
        """What traces the threads that are traced, and the C function that CPython calls for it."""
        with paused_collection():
            states, again = tee(self._states())
            traced = compress(states, self._words(again, self._function_at))
            first, second = tee(traced)
            addresses, again = tee(self._words(first, self._object_at))
            owned = list(zip(addresses, map(self._incref, again), self._words(second, self._function_at)))
        return [(self._owned(address, address, 0), function) for address, _, function in owned]

    def own_function(self) -> int:
        """The C function that CPython calls for what traces this thread."""
        return next(self._words(iter((self._current(),)), self._function_at))

    def keep_on(self, ours: Iterable[Any]) -> None:
        """Have the interpreter look for a trace function in each thread that has one of `ours`.

        In 3.10 and 3.11 that is said where its C function runs, which greenlet saves and restores for each greenlet:
        one that was suspended when the thread got its trace function does not look, nor do those that it makes.
        """
        wanted = {id(item) for item in ours}
        on = Pointer(self._flag_on)
        with paused_collection():
            states, again = tee(self._states())
            traced = compress(states, map(wanted.__contains__, self._words(again, self._object_at)))
            list(self._write(self._flags(traced), on, 1))

    def put_back(self, ours: Any, before: Any, function: int) -> None:
        """Have `before` trace each thread again that `ours` traces, this one too, by the C function `function`."""
        found: list[int] = []
        target, call = Pointer(id(before)), Pointer(function)
        with paused_collection():
            states, again = tee(self._states())
            traced = compress(states, map(id(ours).__eq__, self._words(again, self._object_at)))
            first, second, third, fourth = tee(traced, 4)
            list(
                chain(
                    map(found.append, first),
                    map(self._incref, repeat(id(before)), second),
                    self._write(self._at(third, self._object_at), target, WORD),
                    self._write(self._at(fourth, self._function_at), call, WORD),
                )
            )
        for _ in found:
            self._decref(id(ours))

    def force_tracing(self) -> None:
        """As `ThreadStates.force_tracing`, while coverage may do that too."""
        if self._counter_at:
            self._counter_before = self._int_at(self._counter_at, 4)
            self._set_counter(self._counter_before + _BREAKPOINTS)

    def unforce_tracing(self) -> None:
        if self._counter_at:
            # threads that we let be traced without counting have counted themselves down since
            now = self._int_at(self._counter_at, 4)
            now -= _BREAKPOINTS if now > _BREAKPOINTS // 2 else 0
            if now < _COVERAGE // 2:
                before = self._counter_before if self._counter_before < _COVERAGE // 2 else 0
                now = before + len(self.trace_objects())
            self._set_counter(now)
