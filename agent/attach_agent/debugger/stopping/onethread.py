"""The trace function of one thread, set and put back from another: CPython 3.8 - 3.11."""

from __future__ import annotations

import _ctypes
import sys
from _operator import add, not_
from itertools import chain, compress, islice, repeat, tee

from ...errors import AgentError
from ...stacks import paused_collection
from ...threadstates import WORD, Object, Pointer, ThreadStates, c_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator

#: Words of a thread state that are searched.
_STATE_WORDS = 40
_INT = 4


class _Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class OneThread(ThreadStates):
    """`ThreadStates`, of which one is found by the ident of its thread.

    What else belongs to a change are C iterators, `more`: they are consumed in the same call into C, first of all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ident_at = self._find_ident()

    def take(self, ident: int, function: Any, before: list[Any], more: Iterable[object]) -> None:
        """Trace the thread `ident` with `function`, whatever traces it; `before` gets what `give_back` needs.

        That is: the address of the thread's state, its trace function in C, the address of the object of that, whose
        reference is ours until `give_back`, and the object, if there is one. Nothing if there is no such thread.
        """
        trampoline, target, on = Pointer(self._trampoline), Pointer(id(function)), Pointer(self._flag_on)
        with paused_collection():
            states, again = tee(self._states())
            matching = compress(states, map(ident.__eq__, self._words(again, self._ident_at)))
            # a thread that is about to start bears the ident of the one that starts it: it comes before that
            oldest = chain.from_iterable(map(reversed, map(list, (matching,))))
            one, *each = tee(islice(oldest, 1), 9)
            items = tee(filter(None, self._words(each[2], self._object_at)), 3)
            list(
                chain(
                    more,
                    map(before.append, one),
                    map(before.append, self._words(each[0], self._function_at)),
                    map(before.append, self._words(each[1], self._object_at)),
                    map(self._incref, items[0]),
                    map(before.append, map(self._owned, items[1], items[2], repeat(0))),
                    self._count(map(not_, self._words(each[3], self._function_at)), 1),
                    map(self._incref, repeat(id(function)), each[4]),
                    self._write(self._at(each[5], self._object_at), target, WORD),
                    self._write(self._at(each[6], self._function_at), trampoline, WORD),
                    self._write(self._flags(each[7]), on, 1),
                )
            )

    def give_back(self, function: Any, before: list[Any], more: Iterable[object]) -> None:
        """Undo `take`, in any thread, unless the thread has ended, or is traced by something else by now."""
        found: list[int] = []
        state, old_function, old_item = before[:3]
        c_function_before, item_before, zero = Pointer(old_function), Pointer(old_item), Pointer(0)
        with paused_collection():
            states, again = tee(self._states())
            ours = compress(states, map(id(function).__eq__, self._words(again, self._object_at)))
            *each, again = tee(ours, 6)
            unprofiled = compress(each[4], map(not_, self._words(again, self._profiler_at)))
            list(
                chain(
                    more,
                    map(found.append, each[0]),
                    self._write(self._at(each[1], self._object_at), item_before, WORD),
                    self._write(self._at(each[2], self._function_at), c_function_before, WORD),
                    self._count(map(bool, each[3]), -1) if not old_function else (),
                    self._write(self._flags(unprofiled), zero, 1) if not old_function else (),
                )
            )
        if found:
            self._decref(id(function))
        else:
            self._decref(old_item)  # of 0 it does nothing
            if not old_function and state not in list(self._states()):
                list(self._count(iter((True,)), -1))  # a thread that ends does not count itself down

    def tracer_at(self, address: int) -> Any:
        """A trace function in C (Py_tracefunc), called with its object's address, frame, event and argument."""
        return self._tracer(address)

    def _load_functions(self) -> None:
        super()._load_functions()
        self._tracer = type(c_function(0, _Int, Pointer, Object, _Int, Object))

    def _count(self, changes: Iterator[bool], difference: int) -> Iterator[object]:
        """Python 3.8 and 3.9 count the traced threads: add to that number as often as there is a change."""
        if not self._counter_at:
            return iter(())
        first, second = tee(compress(repeat(self._counter_at), changes))
        content = map(self._bytes_at, first, repeat(_INT))
        number = map(add, map(int.from_bytes, content, repeat(sys.byteorder)), repeat(difference))
        return map(self._copy, second, map(int.to_bytes, number, repeat(_INT), repeat(sys.byteorder)), repeat(_INT))

    def _find_ident(self) -> int:
        """Where in a thread state the ident of its thread is."""
        content = memoryview(self._bytes_at(self._current(), _STATE_WORDS * WORD)).cast("L")
        places = [index * WORD for index in range(_STATE_WORDS) if content[index] == own_ident()]
        if len(places) != 1:
            raise AgentError("unsupported-build", "the ident of a thread is not where CPython keeps it")
        return places[0]


def own_ident() -> int:
    """CPython's ident of this thread, whatever has been put in the place of ``_thread.get_ident``."""
    this = sys._getframe()
    return next(ident for ident, frame in sys._current_frames().items() if frame is this)
