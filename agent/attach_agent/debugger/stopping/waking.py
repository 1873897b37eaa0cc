"""Waking the main thread out of a system call that it waits in, with a signal handler that is there only meanwhile.

CPython interrupts the waits of its main thread for signals: it runs the handlers that are in Python, and waits on for
the time that remains (PEP 475). ``signal.signal`` sets one in the main thread only, which waits. So ours is written
into CPython's table of handlers (Modules/signalmodule.c, Handlers) by this thread, which has the GIL, and out again
milliseconds later. The table is found by its content: 64 handlers that ``getsignal`` tells.

For the kernel the handler is a function of the C library that does nothing: it is enough that the wait ends. CPython is
told by this thread that the signal has come, so a signal of this number that comes by itself does nothing.
"""

from __future__ import annotations

import _ctypes
import posix
import struct
import sys
from _operator import eq
from itertools import chain, compress

from ...threadstates import Object, Pointer, c_function
from .request import woken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Iterator

#: SIGURG, and SIGWINCH: the kernel ignores them unless a program wants them (signal(7)).
_SIGNALS = {23: "SIGURG", 28: "SIGWINCH"}
_SIGINT = 2
_SIG_DFL = 0
_LAST_SIGNAL = 64
#: One entry of the table: ``int tripped; PyObject *func``.
_ENTRY = struct.Struct("@iP")

#: System calls that end with the first signal that has a handler: pause, rt_sigsuspend; and on aarch64, which has no
#: pause, ppoll of nothing.
_WAITS_FOR_SIGNALS = {"x86_64": (34, 130), "aarch64": (133,)}
_PPOLL = 73

_ATTEMPTS = 5
#: For so long the main thread is told again and again, in seconds. One that runs C code does not hear it.
_PATIENCE = 0.25
_AGAIN = 0.005


class CannotWake(Exception):
    """Why not, in a few words."""


class Waking:
    """Raises `CannotWake`, at any time; then nothing was changed."""

    def __init__(self, pause: Callable[[float], object]) -> None:
        self._pause = pause
        self._signal: Any = sys.modules.get("_signal")
        if self._signal is None:
            raise CannotWake("the program embeds Python without signals")
        try:
            self._load_functions()
            self._first = self._find_table()
        except (OSError, AttributeError, ValueError) as error:
            raise CannotWake("this Python lacks what that needs: %s" % error) from None
        #: Signal, the entry of the table, and the object that it had, while our handlers are there.
        self._placed: tuple[int, int, int] | None = None

    def wake(self, ident: int, call: list[bytes], blocked: int, is_over: Callable[[], bool]) -> None:
        """Have the main thread `ident` enter `woken`, until `is_over` or for a quarter of a second.

        `call` is the system call that it is in, in the form of /proc/PID/task/TID/syscall, `blocked` the signals that
        it has blocked, as a mask.
        """
        refuse_waits_for_signals(posix.uname().machine, call)
        number = self._choose(blocked)
        told, tell = self._way_to_tell(number)
        entry = self._first + (told - 1) * _ENTRY.size
        _, before = _ENTRY.unpack(self._bytes_at(entry, _ENTRY.size))
        self._placed = number, entry, before
        try:
            self._incref(id(woken))
            if not self._exchange(number, entry, (before, id(woken)), (_SIG_DFL, self._nothing)):
                self._decref(id(woken))
                raise CannotWake("it is setting signal handlers")
            tell()
            waited = 0.0
            while waited < _PATIENCE and not is_over():
                if _ENTRY.unpack(self._bytes_at(entry, _ENTRY.size)) == (1, id(woken)):  # it has not heard it yet
                    self._signal.pthread_kill(ident, number)
                self._pause(_AGAIN)
                waited += _AGAIN
        finally:
            self.put_back()

    def put_back(self) -> None:
        """Both handlers, unless the program has set its own meanwhile. A signal that waits to be handled is forgotten.

        May be called again, as in a child that was forked meanwhile.
        """
        if self._placed is not None:
            number, entry, before = self._placed
            if self._exchange(number, entry, (id(woken), before), (self._nothing, _SIG_DFL)):
                self._decref(id(woken))

    def _exchange(self, number: int, entry: int, functions: tuple[int, int], actions: tuple[int, int]) -> bool:
        """The handler in Python, and the one in C: each from the first to the second, if it is the first.

        One call into C: the main thread may set a handler between any two lines of ours.
        """
        function = map(self._bytes_at, (entry + _ENTRY.size - 8,), (8,))
        entries = compress((entry,), map(eq, function, (struct.pack("@P", functions[0]),)))
        numbers = compress((number,), map(eq, map(self._get_action, (number,)), (actions[0],)))
        content = _ENTRY.pack(0, functions[1])
        done: list[object] = []
        list(
            chain(
                map(done.append, map(self._copy, entries, (content,), (_ENTRY.size,))),
                map(self._set_action, numbers, (actions[1],)),
            )
        )
        return bool(done)

    def _choose(self, blocked: int) -> int:
        for number in _SIGNALS:
            free = self._signal.getsignal(number) == _SIG_DFL and self._get_action(number) == _SIG_DFL
            if free and not blocked >> (number - 1) & 1:
                return number
        raise CannotWake("the program uses %s" % " and ".join(_SIGNALS.values()))

    # ---- finding out ----

    def _load_functions(self) -> None:
        library = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]  # the whole program, RTLD_NOW

        class Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "i"

        class Size(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "L"

        def function(name: str, result: Any, *arguments: Any) -> Any:
            return c_function(_ctypes.dlsym(library, name), result, *arguments)

        self._bytes_at = function("PyBytes_FromStringAndSize", Object, Pointer, Size)
        self._incref = function("Py_IncRef", None, Pointer)
        self._decref = function("Py_DecRef", None, Pointer)
        self._copy = c_function(_ctypes._memmove_addr, Pointer, Pointer, Pointer, Size)  # type: ignore[attr-defined]
        self._set_action = function("PyOS_setsig", Size, Int, Size)
        self._get_action = function("PyOS_getsig", Size, Int)
        #: int abs(int)
        self._nothing = _ctypes.dlsym(library, "abs")
        self._code = _ctypes.dlsym(library, "PyOS_setsig")
        if sys.version_info >= (3, 10):
            self._set_interrupt = function("PyErr_SetInterruptEx", Int, Int)
        else:
            self._set_interrupt = function("PyErr_SetInterrupt", None)
        self._int = Int

    def _way_to_tell(self, number: int) -> tuple[int, Callable[[], object]]:
        """The signal whose entry of the table is to be ours, and what tells CPython that it has come.

        Before 3.10 that is the handler in C of Python's signals, as SIGINT has it. Where it has not, its entry is
        looked at by PyErr_SetInterrupt of the C-API only.
        """
        if sys.version_info >= (3, 10):
            return number, lambda: self._set_interrupt(number)
        if not callable(self._signal.getsignal(_SIGINT)):
            return _SIGINT, self._set_interrupt
        action = self._get_action(_SIGINT)
        if not any(start <= action < end for start, end, _ in self._image()):
            raise CannotWake("it has a handler for SIGINT that is not Python's")
        return number, lambda: c_function(action, None, self._int)(number)

    def _find_table(self) -> int:
        """The address of the entry of signal 1."""
        for _ in range(_ATTEMPTS):  # another signal may just be waiting to be handled
            numbers = range(1, _LAST_SIGNAL + 1)
            content = b"".join([_ENTRY.pack(0, id(self._signal.getsignal(number))) for number in numbers])
            found = [
                start + at
                for start, end, access in self._image()
                if access.startswith("rw")
                for at in occurrences(self._bytes_at(start, end - start), content)
            ]
            if len(found) == 1:
                return found[0]
            self._pause(0.001)
        raise CannotWake("its signal handlers are not where CPython keeps them")

    def _image(self) -> list[tuple[int, int, str]]:
        """The mappings of CPython itself, its data without a file included: start, end, access."""
        mappings = list(read_maps())
        (path,) = [path for start, end, _, path in mappings if start <= self._code < end]
        found: list[tuple[int, int, str]] = []
        for start, end, access, name in mappings:
            if name == path or (not name and found and found[-1][1] == start):
                found.append((start, end, access))
        return found


def refuse_waits_for_signals(machine: str, call: list[bytes]) -> None:
    number, arguments = int(call[0]), [int(word, 16) for word in call[1:3]]
    of_nothing = machine == "aarch64" and number == _PPOLL and arguments == [0, 0]
    if of_nothing or number in _WAITS_FOR_SIGNALS.get(machine, ()):
        raise CannotWake("it waits for a signal, and would take ours for it")


def occurrences(content: bytes, wanted: bytes) -> Iterator[int]:
    at = content.find(wanted)
    while at >= 0:
        yield at
        at = content.find(wanted, at + 1)


def read_maps() -> Iterator[tuple[int, int, str, str]]:
    """Start, end, access and path of each mapping of this process: proc(5)."""
    descriptor = posix.open("/proc/self/maps", posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        parts = list(iter(lambda: posix.read(descriptor, 1 << 16), b""))
    finally:
        posix.close(descriptor)
    for line in b"".join(parts).decode("utf-8", "replace").splitlines():
        addresses, access, _, _, _, *path = line.split(None, 5)
        start, end = addresses.split("-")
        yield int(start, 16), int(end, 16), access, path[0] if path else ""
