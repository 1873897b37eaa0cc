"""The two rungs get into a program whatever it is doing, and it goes on as if nothing had happened."""

import pytest

from tests.inject.support import assert_nothing_left, end_of_state, in_state, inject_test_source, is_waiting
from tests.support.interpreters import Interpreter, from_version
from tests.support.picture import picture
from tests.support.processes import wait_until

WAITING = (
    "sleep",
    "accept",
    "recv",
    "recv_with_timeout",
    "read_pipe",
    "select",
    "poll",
    "epoll",
    "lock",
    "lock_with_timeout",
    "condition",
    "pause",
    "sigwait",
    "child",
    "idle_asyncio",
    "idle_threads",
    "raw_epoll",
    "raw_epoll_with_timeout",
    "raw_poll",
    "raw_sleep",
)
RUNNING = ("busy", "short_sleeps", "busy_asyncio", "hashing", "join", "busy_threads", "busy_main", "raw_thread")
#: What is woken by EINTR there must know PEP 475 and look for requests when it wakes: locks only look for signals.
NOT_FOR_REMOTE_EXEC = {"sigwait", "lock", "lock_with_timeout", "condition"} | {
    state for state in WAITING if state.startswith("raw_")
}


@pytest.mark.parametrize("state", WAITING)
def test_a_waiting_program_is_entered_and_waits_on(interpreter: Interpreter, state: str) -> None:
    """A program that waits is entered, nothing stays in it, and it still waits and can be interrupted."""
    with in_state(interpreter, state) as target:
        wait_until(lambda: is_waiting(target.pid), "the program to wait")
        before = picture(target.pid)
        inject_test_source(target.pid)
        assert_nothing_left(before, target.pid)
        wait_until(lambda: is_waiting(target.pid), "the program to wait again")
        # SIGUSR1 itself gives one EINTR to callers that know nothing of PEP 475
        assert end_of_state(target)["eintr"] <= 1


@pytest.mark.parametrize("state", RUNNING)
def test_a_running_program_is_entered_and_runs_on(interpreter: Interpreter, state: str) -> None:
    """A program that computes, or whose threads do, is entered and nothing stays in it."""
    with in_state(interpreter, state) as target:
        before = picture(target.pid)
        inject_test_source(target.pid)
        assert_nothing_left(before, target.pid)
        end_of_state(target)


@pytest.mark.parametrize("state", ["busy", "sleep", "idle_asyncio", "busy_threads"])
@from_version("3.14")
def test_ptrace_gets_in_where_pep_768_exists(interpreter: Interpreter, state: str) -> None:
    """``--method ptrace`` does not need PEP 768 where that exists."""
    with in_state(interpreter, state) as target:
        before = picture(target.pid)
        assert inject_test_source(target.pid, method="ptrace").method == "ptrace"
        assert_nothing_left(before, target.pid)
        end_of_state(target)


@pytest.mark.parametrize("state", [state for state in WAITING + RUNNING if state not in NOT_FOR_REMOTE_EXEC])
@from_version("3.14")
def test_remote_exec_gets_in_by_itself(interpreter: Interpreter, state: str) -> None:
    """``--method remote-exec`` enters every program that Python itself makes wait, and leaves no request behind."""
    with in_state(interpreter, state) as target:
        wait_until(lambda: state in RUNNING or is_waiting(target.pid), "the program to wait")
        before = picture(target.pid)
        assert inject_test_source(target.pid, method="remote-exec").method == "remote-exec"
        assert_nothing_left(before, target.pid)
        end_of_state(target)
