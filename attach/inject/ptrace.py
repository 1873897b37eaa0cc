"""ptrace(2): one stopped thread of the target, for a millisecond.

The other threads run on. Whatever happens, the thread leaves with the registers and the signal mask it came with; and
if this program is killed while it holds the thread, the kernel lets the thread go and the thread finds its own way home
(borrowing.py).
"""

import contextlib
import ctypes
import errno
import os
import signal
import struct
import time
from types import TracebackType
from typing import Self

from attach.errors import AlreadyTraced, NoSuchProcess, PermissionRefused, ThreadNotStopping
from attach.inject.machine import Machine, Registers, Vectors
from attach.inject.memory import Memory
from attach.inject.tracer import worth_waiting
from attach.process import Process

_CONT, _DETACH, _SYSCALL = 7, 17, 24
_GETREGSET, _SETREGSET = 0x4204, 0x4205
_SEIZE, _INTERRUPT = 0x4206, 0x4207
_GETSIGMASK, _SETSIGMASK = 0x420A, 0x420B
_SECCOMP_GET_FILTER, _GET_RSEQ_CONFIGURATION = 0x420C, 0x420F
_O_TRACESYSGOOD = 1
_EVENT_STOP = 128
#: What `Tracee.resume_to_system_call` gives at the beginning and the end of a system call.
SYSCALL_STOP = signal.SIGTRAP | 0x80
_WALL = 0x40000000
_MOST_VECTORS = 16384
_INSTRUCTION_SIZE = 8  # struct sock_filter
_RSEQ_CONFIGURATION = struct.Struct("<QIIII")

_TRACER_SECONDS, _DISK_SECONDS = 0.1, 0.05
_STOP_SECONDS = 1.0

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class ThreadGone(Exception):
    """The thread ended; its process may live on."""


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _request(request: int, tid: int, address: int = 0, data: int = 0) -> int:
    result: int = _libc.ptrace(request, tid, address, data)
    if result == -1:
        number = ctypes.get_errno()
        if number == errno.ESRCH:
            raise ThreadGone(tid)
        raise OSError(number, f"ptrace({request:#x}): {os.strerror(number)}")
    return result


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
        """Seizes the thread. Another live-attach that holds it is waited for."""
        self._wait_for_disks()
        begin = time.monotonic()
        while True:
            try:
                _request(_SEIZE, self.tid, 0, _O_TRACESYSGOOD)
            except OSError as error:
                if error.errno != errno.EPERM:
                    raise
                if not worth_waiting(self.process, self.tid, time.monotonic() - begin, _TRACER_SECONDS):
                    raise self._why_refused() from None
            else:
                return
            if self.process.status_field("State", self.tid)[:1] in "ZX":
                raise ThreadGone(self.tid)
            time.sleep(0.001)

    def _why_refused(self) -> AlreadyTraced | PermissionRefused:
        tracer = self.process.tracer_of(self.tid)
        if tracer:
            return AlreadyTraced(self.process.pid, *tracer)
        return PermissionRefused(f"the kernel refuses to trace thread {self.tid} of process {self.process.pid}")

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
        if self._stopped:
            self._resume(_CONT)
        end = time.monotonic() + _STOP_SECONDS
        while not self._event_stop:
            number = self._wait(end)
            if number is None:
                raise ThreadNotStopping(self.process.pid, self.tid)
            if not self._event_stop:
                self._resume(_CONT, self.pass_on(number))

    def rest(self, registers: Registers) -> None:
        """From wherever it is to a stop from which the kernel restarts system calls.

        A thread that is stopped elsewhere goes there with `registers`.
        """
        if not self._event_stop:
            if self._stopped:
                self.put_registers(registers)
            self._interrupt()

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

        `SYSCALL_STOP` at the beginning and the end of a system call; 0 for a stop that is no signal's: a group stop,
        which is left for later. Raises TimeoutError at the time `end`.
        """
        self._resume(_SYSCALL, number)
        stop = self._wait(end)
        if stop is None:
            raise TimeoutError
        return 0 if self._event_stop else stop

    def pass_on(self, number: int) -> int:
        """What to do with a signal that is about to be delivered: let it be, but put off a stop of the
        process.
        """
        if number == SYSCALL_STOP:
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
        return self.machine.decode(tuple(self._get_set(kind, 1024) for kind in self.machine.register_sets))

    def set_registers(self, registers: Registers) -> None:
        """What the thread continues with when it is let go. A later `call` returns to these."""
        self.put_registers(registers)
        self.registers = registers

    def put_registers(self, registers: Registers) -> None:
        """Sets the registers for a call."""
        for kind, content in self.machine.encode(registers).items():
            self._put_set(kind, content)

    def get_mask(self) -> int:
        """The thread's signal mask."""
        value = ctypes.c_uint64()
        _request(_GETSIGMASK, self.tid, 8, ctypes.addressof(value))
        return value.value

    def set_mask(self, mask: int) -> None:
        """Sets the thread's signal mask."""
        value = ctypes.c_uint64(mask)
        _request(_SETSIGMASK, self.tid, 8, ctypes.addressof(value))

    def get_vectors(self) -> Vectors:
        """The floating point and vector registers, in the kernel's layout."""
        for kind in self.machine.vector_sets:
            content = self.get_set_if_any(kind)
            if content is not None:
                return Vectors(kind, content)
        raise OSError(errno.ENODEV, "no vector registers")

    def get_set_if_any(self, kind: int) -> bytes | None:
        """The content of a register set, None if this processor or kernel has none of that number."""
        try:
            return self._get_set(kind, _MOST_VECTORS)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENODEV):
                return None
            raise

    def put_vectors(self, vectors: Vectors) -> None:
        """The inverse of `get_vectors`."""
        self._put_set(vectors.kind, vectors.content)

    # ---- seccomp ----

    def get_filter(self, index: int) -> bytes | None:
        """The thread's seccomp filter of that number as an array of struct sock_filter; None past the last.

        0 is the one that was installed first (Linux counts so, in spite of ptrace(2)). Raises OSError: EACCES without
        CAP_SYS_ADMIN or under a filter of our own, EINVAL or EIO from a kernel without CONFIG_CHECKPOINT_RESTORE.
        """
        try:
            size = _request(_SECCOMP_GET_FILTER, self.tid, index, 0)
            buffer = ctypes.create_string_buffer(size * _INSTRUCTION_SIZE)
            _request(_SECCOMP_GET_FILTER, self.tid, index, ctypes.addressof(buffer))
        except FileNotFoundError:
            return None
        return buffer.raw

    def has_rseq(self) -> bool:
        """Whether the thread has registered restartable sequences, or the kernel (before 5.13) cannot tell."""
        buffer = ctypes.create_string_buffer(_RSEQ_CONFIGURATION.size)
        try:
            _request(_GET_RSEQ_CONFIGURATION, self.tid, len(buffer), ctypes.addressof(buffer))
        except OSError:
            return True
        return bool(_RSEQ_CONFIGURATION.unpack(buffer.raw)[0])
