"""Calling functions in a stopped thread, so that it finds its own way home if we die in the middle."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator

from attach.inject.machine import Registers
from attach.inject.ptrace import SYSCALL_STOP
from attach.inject.target import StoppedThread

#: Raised by the processor; blocking one of these makes the kernel reset its handler.
FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS})
#: glibc's own signals for setuid(2) in all threads and for thread cancellation.
_LIBC_SIGNALS = frozenset({32, 33})
#: What a thread of ours must not take from the program: every signal but those above.
BLOCKED_MASK = sum(1 << (number - 1) for number in range(1, 65) if number not in FAULTS | _LIBC_SIGNALS)

_CALL_SECONDS = 2.0


class CallFaulted(Exception):
    """A function called in the target raised a fault there, or did not return. It has been undone."""


@contextlib.contextmanager
def borrowed(tracee: StoppedThread, way_home: int) -> Iterator["Borrowed"]:
    """Lends the thread for calls; afterwards it has its registers, vector state and signal mask again.

    `way_home` is the address of a return from signal handlers. Below the thread's stack a signal frame is laid that
    holds all it came with, and every call returns into it. While we live, we put the registers back ourselves, which
    also lets the kernel restart an interrupted system call exactly; should we die in the middle, the thread returns
    from a "signal" and goes on.
    """
    machine = tracee.machine
    vectors = tracee.get_vectors()
    mask = tracee.get_mask()
    frame, content = machine.home_frame(tracee.ending or tracee.registers, vectors, mask, way_home)
    tracee.memory.write(frame, content)
    thread = Borrowed(tracee, frame, way_home)
    try:
        yield thread
    finally:
        tracee.rest(thread.home)
        if tracee.ending:
            thread.to_the_end_of_a_call()
        tracee.put_vectors(vectors)
        # in this order: until the last request the thread is still on its way home by itself
        tracee.set_mask(mask)
        tracee.put_registers(tracee.ending or tracee.registers)


class Borrowed:
    """A stopped thread that may be made to call functions."""

    def __init__(self, tracee: StoppedThread, frame: int, way_home: int) -> None:
        self.tracee = tracee
        #: The registers with which it comes home by itself.
        self.home = tracee.machine.at_home(tracee.registers, frame, way_home)
        self._frame = frame
        self._way_home = way_home
        self._signals_blocked = False
        self._in_system_call = False

    def call(self, function: int, arguments: tuple[int, ...], until: Callable[[int, int], bool]) -> Registers:
        """Calls `function` in the thread, until the end of a system call for which `until` holds.

        `until` gets the call's number and first argument. Gives the registers at that point. A function that returns
        without such a system call is stopped before it comes home. Raises `CallFaulted` if the function faults or takes
        longer than 2 s.
        """
        tracee, machine = self.tracee, self.tracee.machine
        tracee.put_registers(machine.calling(tracee.registers, function, arguments, self._frame, self._way_home))
        if not self._signals_blocked:
            # only now: should we die before this, the thread would never get its signals back
            tracee.set_mask(BLOCKED_MASK)
            self._signals_blocked = True
        end = time.monotonic() + _CALL_SECONDS
        first_argument = 0
        while True:
            now = self._to_system_call(end)
            number = machine.system_call(now)
            if self._in_system_call:
                if self._is_return_home(now):
                    self._come_home(end)
                    return now
                first_argument = machine.first_argument(now)
            elif until(number, first_argument):
                return now

    def _to_system_call(self, end: float) -> Registers:
        """Lets the thread run to the next beginning or end of a system call, and gives its registers there."""
        tracee = self.tracee
        number = 0
        while True:
            try:
                stop = tracee.resume_to_system_call(number, end)
            except TimeoutError:
                raise CallFaulted("a function called in the target did not return") from None
            if stop == SYSCALL_STOP:
                self._in_system_call = not self._in_system_call
                return tracee.get_registers()
            if stop in FAULTS:
                raise CallFaulted(f"a function called in the target raised {signal.Signals(stop).name}")
            number = tracee.pass_on(stop) if stop else 0

    def _is_return_home(self, now: Registers) -> bool:
        """Whether a thread at the beginning of a system call returns home: not from a handler of the C library."""
        machine = self.tracee.machine
        is_return = machine.system_call(now) == machine.RETURN_FROM_SIGNAL
        return is_return and machine.stack(now) == machine.stack(self.home)

    def _come_home(self, end: float) -> None:
        """Lets the thread, which is at the beginning of its return, make that; then it is about to return anew.

        A system call that a tracer takes away at its beginning is shown to seccomp filters as number -1, and one that
        kills for what it does not know kills for that.
        """
        self._to_system_call(end)
        # in this order: with its signals blocked it has to be on its way home
        self.tracee.put_registers(self.home)
        self.tracee.set_mask(BLOCKED_MASK)

    def to_the_end_of_a_call(self) -> None:
        """Brings a resting thread to the end of a system call whose first argument is that of the interrupted one.

        It goes home, but its return from the "signal" is skipped. Should we die meanwhile, it returns after all.
        """
        tracee = self.tracee
        self._in_system_call = False
        tracee.put_registers(self.home)
        end = time.monotonic() + _CALL_SECONDS
        while not (self._is_return_home(self._to_system_call(end)) and self._in_system_call):
            pass
        tracee.put_registers(self.home)
        while self._in_system_call:
            self._to_system_call(end)
