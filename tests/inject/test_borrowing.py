"""A borrowed thread is given back as the kernel itself would let it go on."""

import os
import signal

import pytest

from attach.inject.borrowing import borrowed
from attach.inject.preflight import open_target
from attach.process import Process
from tests.inject.support import end_of_state, in_state, is_waiting
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import Target, wait_until

STATES = ("sleep", "accept", "read_pipe", "select", "poll", "epoll", "lock", "pause", "child", "raw_poll", "raw_sleep")


def borrow(target: Target, times: int, number: int | None = None) -> None:
    """Borrows the main thread for some harmless calls; while it is away, signal `number` is sent to it."""
    found = open_target(Process(target.pid))
    try:
        for _ in range(times):
            with found.stop(target.pid) as stopped:
                assert stopped.wait is not None
                with borrowed(stopped, found.way_home) as thread:
                    arguments = (0, 4096)  # nothing is mapped there
                    thread.call(found.functions.munmap, arguments, lambda call, _: call == found.machine.MUNMAP)
                    if number is not None:
                        os.kill(target.pid, number)
            if number is None:
                wait_until(lambda: is_waiting(target.pid), "the program to wait again")
    finally:
        found.memory.close()


@pytest.mark.parametrize("state", STATES)
@on_interpreters("3.8", "3.11", "3.14")
def test_a_signal_while_the_thread_is_away(interpreter: Interpreter, state: str) -> None:
    """A signal that comes while the main thread is borrowed interrupts its wait, as if it had never been away."""
    with in_state(interpreter, state) as target:
        wait_until(lambda: is_waiting(target.pid), "the program to wait")
        borrow(target, 1, signal.SIGUSR1)
        assert target.wait_for(r"^\{.*\}$")  # its handler ran, which Python runs only when the wait has ended
        assert target.wait_for_end() == 0


# On x86_64 a restarted poll of no descriptors looks like a lock of the C library: it is not borrowed twice.
@pytest.mark.parametrize("state", [state for state in STATES if state != "poll"])
@on_interpreters("3.8", "3.11", "3.14")
def test_a_thread_that_is_borrowed_again_and_again(interpreter: Interpreter, state: str) -> None:
    """However often its thread is borrowed, a wait goes on without an error."""
    with in_state(interpreter, state) as target:
        wait_until(lambda: is_waiting(target.pid), "the program to wait")
        borrow(target, 5)
        assert end_of_state(target)["eintr"] <= 1
