"""Who called the C library is told by unwind tables, not guessed from what lies on the stack."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attach.inject.preflight import open_target
from attach.inject.unwinding import Unknown, _Frame, _Reader
from attach.process import Process
from tests.inject.support import in_state, inject_test_source, is_waiting
from tests.support.interpreters import Interpreter
from tests.support.processes import wait_until

#: State -> how the name of the image begins that called the C library: libffi for ctypes.
CALLERS = {
    "epoll": ("select.", "python", "libpython"),
    "idle_asyncio": ("select.", "python", "libpython"),
    "sleep": ("time.", "python", "libpython"),
    "lock_with_timeout": ("python", "libpython"),
    "raw_epoll_with_timeout": ("libffi",),
    "raw_poll": ("libffi",),
    "raw_sleep": ("libffi",),
}


@pytest.mark.parametrize("state", CALLERS)
def test_the_caller_of_a_wait(interpreter: Interpreter, state: str) -> None:
    """The image that called is found, in a process with one thread and in one with several, which wait elsewhere."""
    with in_state(interpreter, state) as running:
        for _ in range(2):
            wait_until(lambda: is_waiting(running.pid), "the wait")
            target = open_target(Process(running.pid), force=False)
            with target.memory, target.stop(running.pid) as stopped:
                name = target.caller(stopped.registers).rpartition("/")[2]
            assert name.startswith(CALLERS[state])
            inject_test_source(running.pid)


@given(st.binary(min_size=12, max_size=300), st.integers(0, 400))
def test_damaged_tables(content: bytes, distance: int) -> None:
    """Whatever the tables hold, the worst that comes of them is that the caller is unknown."""
    frame = _Frame()
    try:
        frame.follow(_Reader(content), distance, 1)
    except Unknown:
        return
    assert frame.offset >= 0
