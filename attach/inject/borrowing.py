"""Calling functions in a stopped thread, so that it finds its own way home if we die in the middle."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator

from attach.inject.machine import Registers
from attach.inject.ptrace import SYSCALL_STOP, Tracee

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
def borrowed(tracee: Tracee, way_home: int) -> Iterator["Borrowed"]:
    """Lends the thread for calls; afterwards it has its registers, vector state and signal mask again.

    `way_home` is the address of the C library's return from signal handlers. Below the thread's stack a signal frame is
    laid that holds all it came with, and every call returns into it. While we live, we put the registers back
    ourselves, which also lets the kernel restart an interrupted system call exactly; should we die in the middle, the
    thread returns from a "signal" and goes on.
    """
    machine = tracee.machine
    vectors = tracee.get_vectors()
    mask = tracee.get_mask()
    frame, content = machine.home_frame(tracee.registers, vectors, mask, way_home)
    tracee.memory.write(frame, content)
    try:
        yield Borrowed(tracee, frame, way_home)
    finally:
        tracee.rest(machine.at_home(tracee.registers, frame, way_home))
        tracee.put_vectors(vectors)
        # in this order: until the last request the thread is still on its way home by itself
        tracee.set_mask(mask)
        tracee.put_registers(tracee.registers)


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

        Gives the registers at that point. A function that returns without such a system call is stopped before it
        comes home. Raises `CallFaulted` if the function faults or takes longer than 2 s.
        """
        tracee, machine = self.tracee, self.tracee.machine
        tracee.put_registers(machine.calling(tracee.registers, function, arguments, self._frame, self._way_home))
        if not self._signals_blocked:
            # only now: should we die before this, the thread would never get its signals back
            tracee.set_mask(BLOCKED_MASK)
            self._signals_blocked = True
        end = time.monotonic() + _CALL_SECONDS
        number = 0
        while True:
            try:
                stop = tracee.resume_to_system_call(number, end)
            except TimeoutError:
                raise CallFaulted("a function called in the target did not return") from None
            number = 0
            if stop == SYSCALL_STOP:
                self._in_system_call = not self._in_system_call
                now = tracee.get_registers()
                if self._in_system_call:
                    if machine.system_call(now) == machine.RETURN_FROM_SIGNAL:
                        self._come_home(end)
                        return now
                elif until(now):
                    return now
            elif stop in FAULTS:
                raise CallFaulted(f"a function called in the target raised {signal.Signals(stop).name}")
            elif stop:
                number = tracee.pass_on(stop)

    def _come_home(self, end: float) -> None:
        """Lets the thread, which is at the beginning of its return, make that; then it is about to return anew.

        A system call that a tracer takes away at its beginning is shown to seccomp filters as number -1, and one that
        kills for what it does not know kills for that.
        """
        tracee = self.tracee
        if tracee.resume_to_system_call(0, end) != SYSCALL_STOP:
            raise CallFaulted("a function called in the target did not come home")
        self._in_system_call = False
        # in this order: with its signals blocked it has to be on its way home
        tracee.put_registers(tracee.machine.at_home(tracee.registers, self._frame, self._way_home))
        tracee.set_mask(BLOCKED_MASK)
