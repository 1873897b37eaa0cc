"""The trace function of every thread of this interpreter, read and set from one thread: CPython 3.8 - 3.11.

(And what ``threadmoves`` has in common with it, for later ones.)

``sys.settrace`` reaches its own thread only, and before 3.12 nothing reaches the others. So the fields of
``PyThreadState`` are read and written in memory. The GIL allows it: a thread looks at its own only while it
holds the GIL. Where the fields are is not assumed but found, by setting and removing a trace function on our
own thread and watching what changes (Include/cpython/pystate.h, ``_PyEval_SetTrace`` in Python/ceval.c).

A loop in Python over the thread states would lose the GIL between two of them, and then walk through memory
that an ending thread has freed. So each walk, with all that it reads and writes, is one call into C, driven
by C iterators. Nothing in it may run Python code: so no garbage collection, and no ``sys.settrace`` or ctypes
``from_address``, which raise audit events.
"""

from __future__ import annotations

import _ctypes
import sys
from _operator import add, not_
from itertools import accumulate, chain, compress, repeat, takewhile, tee

from .errors import AgentError
from .stacks import paused_collection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

WORD = 8
_INT_0, _INT_1 = b"\0\0\0\0", (1).to_bytes(4, sys.byteorder)
#: Words of a thread state that are searched, and bytes of the structure that holds the count of traced
#: threads.
_STATE_WORDS = 40
_RUNTIME_BYTES = 2048

#: Added to the count of traced threads, so that no thread that ends brings it down to 0 meanwhile.
_ALWAYS_TRACING = 1 << 20


class Pointer(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "P"


class _Size(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "L"


class Object(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "O"


class ThreadStates:
    """The thread states of the current interpreter.

    Raises AgentError ``unsupported-build`` if the fields cannot be found for certain.
    """

    def __init__(self) -> None:
        try:
            self._load_functions()
        except (OSError, AttributeError) as error:
            raise AgentError("unsupported-build", "this Python lacks what tracing needs: %s" % error) from None
        before = sys.gettrace()  # a debugger may trace all threads
        sys.settrace(None)
        try:
            self._find_fields()
            self._counter_at = 0 if sys.version_info >= (3, 10) else self._find_counter()
        finally:
            sys.settrace(before)

    def trace_objects(self) -> list[Any]:
        """What traces the threads that are traced: functions given to ``sys.settrace``, C tracers."""
        with paused_collection():
            states, again = tee(self._states())
            traced = compress(states, self._words(again, self._function_at))
            addresses, again = tee(self._words(traced, self._object_at))
            owned = list(zip(addresses, map(self._incref, again)))
        return [self._owned(address, address, 0) for address, _ in owned]

    def install(self, function: Any) -> int:
        """Do ``sys.settrace(function)`` in all threads but this one that have no trace function; returns how many.

        Each of them calls it at its next event, in frames that have started since or whose ``f_trace`` it is.
        """
        this = self._current()
        trampoline, target, on = Pointer(self._trampoline), Pointer(id(function)), _Size(self._flag_on)
        with paused_collection():
            states, again = tee(self._states())
            untraced = compress(states, map(not_, self._words(again, self._function_at)))
            first, second, third, fourth = tee(filter(this.__ne__, untraced), 4)
            done = list(
                chain(
                    map(self._incref, repeat(id(function)), first),
                    self._write(self._at(second, self._object_at), target, WORD),
                    self._write(self._at(third, self._function_at), trampoline, WORD),
                    self._write(self._flags(fourth), on, 1),
                )
            )
        return done.count(None)  # what Py_IncRef returned

    def replace(self, objects: list[Any], function: Any) -> None:
        """Do ``sys.settrace(function)`` in all other threads that one of `objects` traces; no event is missed."""
        this = self._current()
        wanted = {id(item) for item in objects}
        found: list[int] = []
        trampoline, target = Pointer(self._trampoline), Pointer(id(function))
        with paused_collection():
            states, again = tee(self._states())
            traced = compress(states, map(wanted.__contains__, self._words(again, self._object_at)))
            first, second, third, fourth = tee(filter(this.__ne__, traced), 4)
            list(
                chain(
                    map(found.append, self._words(first, self._object_at)),
                    map(self._incref, repeat(id(function)), second),
                    self._write(self._at(third, self._object_at), target, WORD),
                    self._write(self._at(fourth, self._function_at), trampoline, WORD),
                )
            )
        for address in found:
            self._decref(address)

    def remove(self, objects: list[Any]) -> None:
        """Do ``sys.settrace(None)`` in every thread that one of `objects` traces, this one included."""
        wanted = {id(item) for item in objects}
        found: list[int] = []
        zero = Pointer(0)
        with paused_collection():
            states, again = tee(self._states())
            traced = compress(states, map(wanted.__contains__, self._words(again, self._object_at)))
            first, second, third, fourth, again = tee(traced, 5)
            unprofiled = compress(fourth, map(not_, self._words(again, self._profiler_at)))
            list(
                chain(
                    map(found.append, self._words(first, self._object_at)),
                    self._write(self._at(second, self._object_at), zero, WORD),
                    self._write(self._at(third, self._function_at), zero, WORD),
                    self._write(self._flags(unprofiled), zero, 1),
                )
            )
        for address in found:
            self._decref(address)

    def force_tracing(self) -> None:
        """Python 3.8 and 3.9 count the traced threads, and look at trace functions only while there are any.

        They forget to count down when a traced thread ends, which would leave the interpreter slow for good.
        So we do not count, but lift the number out of reach, until `unforce_tracing`.
        """
        if self._counter_at:
            self._counter_before = self._int_at(self._counter_at, 4)
            self._set_counter(self._counter_before + _ALWAYS_TRACING)

    def unforce_tracing(self) -> None:
        """Put the count of traced threads back; those that others trace meanwhile are counted."""
        if self._counter_at:
            self._set_counter(self._counter_before + len(self.trace_objects()))

    # ---- walks: lazy C iterators, to be consumed by one call into C ----

    def _states(self) -> Iterator[int]:
        """The addresses of all thread states."""
        # each function is given one argument more than it has, which C allows
        first = map(self._head, (self._interpreter,))
        return takewhile(bool, accumulate(chain(first, repeat(0)), self._next))

    def _at(self, addresses: Iterator[int], offset: int) -> Iterator[int]:
        return map(add, addresses, repeat(offset))

    def _words(self, addresses: Iterator[int], offset: int) -> Iterator[int]:
        """The word at `offset` from each address."""
        content = map(self._bytes_at, self._at(addresses, offset), repeat(WORD))
        return map(int.from_bytes, content, repeat(sys.byteorder))

    def _flags(self, states: Iterator[int]) -> Iterator[int]:
        """The addresses of the flag that makes the interpreter look for a trace function."""
        if self._flag_at:
            return self._at(states, self._flag_at)
        # a thread state that is just being made (without the GIL) has no C frame yet
        return filter(None, self._words(states, self._cframe_at))

    def _write(self, addresses: Iterator[int], value: Any, size: int) -> Iterator[int]:
        return map(self._copy, addresses, repeat(_ctypes.addressof(value)), repeat(size))

    # ---- finding out ----

    def _load_functions(self) -> None:
        library = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]  # the whole program, RTLD_NOW

        def function(name: str, result: Any, *arguments: Any) -> Any:
            return c_function(_ctypes.dlsym(library, name), result, *arguments)

        self._current = function("PyThreadState_Get", Pointer)
        self._head = function("PyInterpreterState_ThreadHead", Pointer, Pointer)
        self._next = function("PyThreadState_Next", Pointer, Pointer)
        self._bytes_at = function("PyBytes_FromStringAndSize", Object, Pointer, _Size)
        self._incref = function("Py_IncRef", None, Pointer)
        self._decref = function("Py_DecRef", None, Pointer)
        memmove = _ctypes._memmove_addr  # type: ignore[attr-defined]
        self._copy = c_function(memmove, Pointer, Pointer, Pointer, _Size)
        # memmove of nothing returns its first argument: the object at an address, with the reference we hold
        self._owned = c_function(memmove, Object, Pointer, Pointer, _Size)
        if sys.version_info >= (3, 9):
            self._interpreter = function("PyInterpreterState_Get", Pointer)()
            self._runtime = self._interpreter
        else:
            self._interpreter = function("_PyInterpreterState_Get", Pointer)()
            self._runtime = _ctypes.dlsym(library, "_PyRuntime")

    def _find_fields(self) -> None:
        """Where in a thread state the trace function, its object, the profile function and the flag are."""
        state = self._current()
        before = self._bytes_at(state, _STATE_WORDS * WORD)
        sys.settrace(_probe)
        during = self._bytes_at(state, _STATE_WORDS * WORD)
        old, new = memoryview(before).cast("L"), memoryview(during).cast("L")
        places = [
            index
            for index in range(6, _STATE_WORDS)
            if new[index] == id(_probe) and not old[index] and new[index - 2] and not old[index - 2]
        ]
        if len(places) != 1:
            raise AgentError("unsupported-build", "the trace function is not where CPython keeps it")
        # c_profilefunc, c_tracefunc, c_profileobj, c_traceobj
        self._object_at = places[0] * WORD
        self._function_at = self._object_at - 2 * WORD
        self._profiler_at = self._object_at - 3 * WORD
        self._trampoline = new[places[0] - 2]
        self._find_flag(before, during)

    def _find_flag(self, before: bytes, during: bytes) -> None:
        """What makes the interpreter look for a trace function, given a thread state without one and with one."""
        state = self._current()
        if sys.version_info >= (3, 10):
            self._flag_at, self._cframe_at = 0, self._profiler_at - WORD
        else:
            # int use_tracing; and perhaps padding, which holds anything
            near = range(self._profiler_at - 12, self._profiler_at, 4)
            flags = [at for at in near if (before[at : at + 4], during[at : at + 4]) == (_INT_0, _INT_1)]
            if len(flags) != 1:
                raise AgentError("unsupported-build", "the tracing flag is not where CPython keeps it")
            self._flag_at, self._cframe_at = flags[0], 0
        self._flag_on = self._flag_of(state)
        sys.settrace(None)
        if self._flag_of(state) or self._flag_on not in (1, 255):
            raise AgentError("unsupported-build", "the tracing flag is not where CPython keeps it")

    def _find_counter(self) -> int:
        """The address of ``tracing_possible``; it follows ``recursion_limit`` (Include/internal/pycore_pystate.h)."""
        pictures = []
        for function in (None, _probe, None, _probe):
            sys.settrace(function)
            content = self._bytes_at(self._runtime, _RUNTIME_BYTES)
            pictures.append(memoryview(content).cast("i"))
        off, on, off_again, on_again = pictures
        limit = sys.getrecursionlimit()
        places = [
            index
            for index in range(1, len(off))
            if off[index - 1] == limit and on[index] == on_again[index] == off[index] + 1 == off_again[index] + 1
        ]
        if len(places) != 1:
            raise AgentError("unsupported-build", "the count of traced threads is not where CPython keeps it")
        address: int = self._runtime + 4 * places[0]
        return address

    def _flag_of(self, state: int) -> int:
        """The tracing flag of this thread; from 3.10 on it belongs to the C function that runs this very frame."""
        flag: int = self._bytes_at(next(self._flags(iter((state,)))), 1)[0]
        return flag

    def _int_at(self, address: int, size: int) -> int:
        return int.from_bytes(self._bytes_at(address, size), sys.byteorder)

    def _set_counter(self, count: int) -> None:
        value = _Size(count)
        self._copy(self._counter_at, _ctypes.addressof(value), 4)


def c_function(address: int, result: Any, *arguments: Any) -> Any:
    """A C function that is called with the GIL held."""
    flags = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
    body = {"_flags_": flags, "_restype_": result, "_argtypes_": arguments}
    return type("Function", (_ctypes.CFuncPtr,), body)(address)


def _probe(*_: object) -> None:
    """A trace function that does nothing."""
