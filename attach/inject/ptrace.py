"""ptrace(2): one stopped thread of the target, for a millisecond.

The other threads run on. Whatever happens, the thread leaves with the registers and the signal mask it came with; and
if this program is killed while it holds the thread, the kernel lets the thread go and the thread finds its own way home
(see `Tracee.borrowed`).
"""

import contextlib
import ctypes
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from attach.errors import AlreadyTraced, NoSuchProcess, PermissionRefused, ThreadNotStopping
from attach.inject.machine import Machine, Registers
from attach.inject.memory import Memory
from attach.process import Process

_CONT, _DETACH, _SYSCALL = 7, 17, 24
_GETREGSET, _SETREGSET = 0x4204, 0x4205
_SEIZE, _INTERRUPT = 0x4206, 0x4207
_GETSIGMASK, _SETSIGMASK = 0x420A, 0x420B
_O_TRACESYSGOOD = 1
_EVENT_STOP = 128
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_WALL = 0x40000000
_NT_PRSTATUS = 1

#: Raised by the processor; blocking one of these makes the kernel reset its handler.
FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS})
#: glibc's own signals for setuid(2) in all threads and for thread cancellation.
_LIBC_SIGNALS = frozenset({32, 33})
#: What a thread of ours must not take from the program: every signal but those above.
BLOCKED_MASK = sum(1 << (number - 1) for number in range(1, 65) if number not in FAULTS | _LIBC_SIGNALS)

_DISK_SECONDS = 0.05
_STOP_SECONDS = 1.0
_CALL_SECONDS = 2.0

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class ThreadGone(Exception):
    """The thread ended; its process may live on."""


class CallFaulted(Exception):
    """A function called in the target raised a fault there, or did not return. It has been undone."""


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _request(request: int, tid: int, address: int = 0, data: int = 0) -> None:
    if _libc.ptrace(request, tid, address, data) == -1:
        number = ctypes.get_errno()
        if number == errno.ESRCH:
            raise ThreadGone(tid)
        raise OSError(number, f"ptrace({request:#x}): {os.strerror(number)}")


class Tracee:
    """One seized and stopped thread; a context manager that lets it go as it came.

    Raises `ThreadGone` if the thread has ended, `ThreadNotStopping` if it is in an uninterruptible wait,
    and the permission errors of ptrace.
    """

    def __init__(self, process: Process, memory: Memory, machine: Machine, tid: int) -> None:
        self.process = process
        self.memory = memory
        self.machine = machine
        self.tid = tid
        self._held_signals: list[int] = []
        self._stopped = False
        self._event_stop = False
        if not process.has_thread(tid):
            raise ThreadGone(tid)
        try:
            self._seize()
        except NoSuchProcess:
            raise ThreadGone(tid) from None
        try:
            self._interrupt()
            self.registers = self.get_registers()
        except BaseException:
            self._let_go()
            raise

    def _seize(self) -> None:
        self._wait_for_disks()
        try:
            _request(_SEIZE, self.tid, 0, _O_TRACESYSGOOD)
        except OSError as error:
            if error.errno == errno.EPERM:
                if self.process.status_field("State", self.tid)[:1] in "ZX":
                    raise ThreadGone(self.tid) from None
                tracer = int(self.process.status_field("TracerPid", self.tid) or 0)
                if tracer:
                    raise AlreadyTraced(self.process.pid, tracer, Process(tracer).name) from None
                raise PermissionRefused(f"the kernel refuses to trace thread {self.tid}") from None
            raise

    def _wait_for_disks(self) -> None:
        """Gives a thread in state D a moment: it would stop only when it leaves that."""
        end = time.monotonic() + _DISK_SECONDS
        while self.process.status_field("State", self.tid)[:1] == "D":
            if time.monotonic() > end:
                raise ThreadNotStopping(self.process.pid, self.tid)
            time.sleep(0.001)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    # ---- stopping, resuming, waiting ----

    def _interrupt(self) -> None:
        """Brings the running thread to a stop from which the kernel would restart its system call."""
        _request(_INTERRUPT, self.tid)
        end = time.monotonic() + _STOP_SECONDS
        while not self._event_stop:
            number = self._wait(end)
            if number is None:
                raise ThreadNotStopping(self.process.pid, self.tid)
            if not self._event_stop:
                self._resume(_CONT, self.pass_on(number))

    def run_for(self, seconds: float) -> None:
        """Lets the thread go on for that long, and stops it anew."""
        self._resume(_CONT)
        time.sleep(seconds)
        self._interrupt()
        self.registers = self.get_registers()

    def _resume(self, request: int, number: int = 0) -> None:
        self._stopped = self._event_stop = False
        _request(request, self.tid, 0, number)

    def _wait(self, end: float) -> int | None:
        """Waits for the next stop and gives its signal; None when the time is up."""
        turn = 0
        while True:
            try:
                pid, status = os.waitpid(self.tid, os.WNOHANG | _WALL)
            except ChildProcessError:
                raise ThreadGone(self.tid) from None
            if pid:
                break
            if time.monotonic() > end:
                return None
            turn += 1
            if turn < 30:
                os.sched_yield()
            else:
                time.sleep(0.0001 if turn < 100 else 0.001)
        if not os.WIFSTOPPED(status):
            raise ThreadGone(self.tid)
        self._stopped = True
        self._event_stop = status >> 16 == _EVENT_STOP
        return os.WSTOPSIG(status)

    def resume_to_system_call(self, number: int, end: float) -> int:
        """Lets the thread run, delivering signal `number`, to its next stop, and gives that stop's signal.

        0 for a stop that is no signal's: a group stop, which is left for later.
        """
        self._resume(_SYSCALL, number)
        stop = self._wait(end)
        if stop is None:
            raise CallFaulted("a function called in the target did not return")
        return 0 if self._event_stop else stop

    def pass_on(self, number: int) -> int:
        """What to do with a signal that is about to be delivered: let it be, but put off a stop of the
        process.
        """
        if number == _SYSCALL_STOP:
            return 0
        if number == signal.SIGSTOP:
            self._held_signals.append(number)
            return 0
        return number

    def _let_go(self) -> None:
        try:
            if not self._stopped:
                # It was never stopped, or a wait was given up: a running thread cannot be detached. If it does not
                # stop now either, it is let go when our own thread ends (tracer.py).
                _request(_INTERRUPT, self.tid)
                if self._wait(time.monotonic() + _STOP_SECONDS) is None:
                    return
            _request(_DETACH, self.tid)
        except ThreadGone:
            return
        for number in self._held_signals:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    # ---- registers ----

    def _get_set(self, kind: int, room: int) -> bytes:
        buffer = ctypes.create_string_buffer(room)
        vector = _Vector(ctypes.addressof(buffer), room)
        _request(_GETREGSET, self.tid, kind, ctypes.addressof(vector))
        return buffer.raw[: vector.length]

    def _put_set(self, kind: int, data: bytes) -> None:
        buffer = ctypes.create_string_buffer(data, len(data))
        vector = _Vector(ctypes.addressof(buffer), len(data))
        _request(_SETREGSET, self.tid, kind, ctypes.addressof(vector))

    def get_registers(self) -> Registers:
        """The registers as they are now; `registers` are those to return to."""
        return self.machine.decode(self._get_set(_NT_PRSTATUS, 1024))

    def set_registers(self, registers: Registers) -> None:
        """What the thread continues with when it is let go. A later `call` returns to these."""
        self.put_registers(registers)
        self.registers = registers

    def put_registers(self, registers: Registers) -> None:
        """Sets the registers for a call."""
        self._put_set(_NT_PRSTATUS, self.machine.encode(registers))

    def _get_mask(self) -> int:
        value = ctypes.c_uint64()
        _request(_GETSIGMASK, self.tid, 8, ctypes.addressof(value))
        return value.value

    def set_mask(self, mask: int) -> None:
        """Sets the thread's signal mask."""
        value = ctypes.c_uint64(mask)
        _request(_SETSIGMASK, self.tid, 8, ctypes.addressof(value))

    # ---- calling ----

    @contextlib.contextmanager
    def borrowed(self, way_home: int) -> Iterator["Borrowed"]:
        """Lends the thread for calls; afterwards it has its registers, vector state and signal mask again.

        `way_home` is the address of the C library's return from signal handlers. Below the thread's stack a
        signal frame is laid that holds all it came with, and every call returns into it. While we live, we
        put the registers back ourselves, which also lets the kernel restart an interrupted system call
        exactly; should we die in the middle, the thread returns from a "signal" and goes on.
        """
        vectors = self._get_set(self.machine.vector_set, 16384)
        mask = self._get_mask()
        frame, content = self.machine.home_frame(self.registers, vectors, mask, way_home)
        self.memory.write(frame, content)
        try:
            yield Borrowed(self, frame, way_home)
        finally:
            if not self._event_stop:
                self._come_home(frame, way_home)
            self._put_set(self.machine.vector_set, vectors)
            # in this order: until the last request the thread is still on its way home by itself
            self.set_mask(mask)
            self.put_registers(self.registers)

    def _come_home(self, frame: int, way_home: int) -> None:
        """From a stop in a system call of ours to one from which the kernel restarts the thread's own."""
        if self._stopped:
            self.put_registers(self.machine.at_home(self.registers, frame, way_home))
            _request(_INTERRUPT, self.tid)
            self._resume(_CONT)
            end = time.monotonic() + _STOP_SECONDS
            while not self._event_stop:
                number = self._wait(end)
                if number is None:
                    raise ThreadNotStopping(self.process.pid, self.tid)
                if not self._event_stop:
                    self._resume(_CONT, self.pass_on(number))
        else:
            self._interrupt()


class Borrowed:
    """A stopped thread that may be made to call functions."""

    def __init__(self, tracee: Tracee, frame: int, way_home: int) -> None:
        self.tracee = tracee
        self._frame = frame
        self._way_home = way_home
        self._signals_blocked = False
        self._in_system_call = False

    def call(self, function: int, arguments: tuple[int, ...], until: Callable[[Registers], bool]) -> Registers:
        """Calls `function` in the thread, until the end of a system call for which `until` holds.

        Gives the registers at that point. A function that returns without such a system call is stopped
        before it comes home. Raises `CallFaulted` if the function faults or takes longer than 2 s.
        """
        tracee, machine = self.tracee, self.tracee.machine
        start = machine.calling(tracee.registers, function, arguments, self._frame, self._way_home)
        tracee.put_registers(start)
        if not self._signals_blocked:
            # only now: should we die before this, the thread would never get its signals back
            tracee.set_mask(BLOCKED_MASK)
            self._signals_blocked = True
        end = time.monotonic() + _CALL_SECONDS
        number = 0
        while True:
            stop = tracee.resume_to_system_call(number, end)
            if stop == _SYSCALL_STOP:
                self._in_system_call = not self._in_system_call
                now = tracee.get_registers()
                if self._in_system_call:
                    if machine.system_call(now) == machine.RETURN_FROM_SIGNAL:
                        return now
                elif until(now):
                    return now
                number = 0
            elif stop in FAULTS:
                raise CallFaulted(f"a function called in the target raised {signal.Signals(stop).name}")
            else:
                number = tracee.pass_on(stop)
