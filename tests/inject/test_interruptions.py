"""Whenever the operator is killed or interrupted, the target goes on."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from attach.errors import NoSuchProcess
from attach.inject import ptrace
from attach.process import Process
from tests.inject.support import SOURCE, end_of_state, in_state, inject_test_source, is_waiting, marks
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.picture import assert_untouched, picture
from tests.support.processes import Target, wait_until

MANY = 400  # more ptrace requests than any injection here makes


def inject_in_child(pid: int, method: str, request: int, act: Callable[[], object]) -> bool:
    """Injects from a child of ours that calls `act` before its ptrace request `request`; False if there are fewer."""
    child = os.fork()
    if child == 0:
        count = 0
        real = ptrace._request

        def counting(number: int, tid: int, address: int = 0, data: int = 0) -> None:
            nonlocal count
            count += 1
            if count == request:
                act()
            real(number, tid, address, data)

        ptrace._request = counting
        try:
            inject_test_source(pid, source=f"{SOURCE}# for {pid}\n", method=method)
        except BaseException:
            os._exit(1)
        os._exit(0 if count < request else 1)
    _, status = os.waitpid(child, 0)
    return status != 0


def blocked_signals(pid: int) -> list[str]:
    process = Process(pid)
    found = []
    for tid in process.tids():
        with contextlib.suppress(NoSuchProcess):
            found.append(process.status_field("SigBlk", tid))
    return found


def assert_unharmed(target: Target, waits: bool) -> None:
    """It lives, no thread is traced or has signals blocked, and it is where it was."""
    assert target.is_running()
    assert Process(target.pid).tracer == 0
    wait_until(lambda: set(blocked_signals(target.pid)) == {"0" * 16}, "our thread to leave")
    assert not waits or wait_until(lambda: is_waiting(target.pid), "the wait")


CASES = [
    ("sleep", "ptrace", True),
    ("epoll", "ptrace", True),
    ("raw_epoll", "ptrace", True),
    ("busy", "ptrace", False),
    ("sleep", "remote-exec", True),
    ("busy_main", "remote-exec", False),
]


@pytest.mark.parametrize(("state", "method", "waits"), CASES)
@on_interpreters("3.8", "3.12", "3.14")
def test_the_operator_is_killed(interpreter: Interpreter, state: str, method: str, waits: bool) -> None:
    """Killed at any of its requests to the kernel, the operator leaves a target that goes on undisturbed."""
    if method == "remote-exec" and interpreter.version < (3, 14):
        pytest.skip("PEP 768 came with 3.14")
    kill_at_each_request(interpreter, state, method, waits)


@on_interpreters("3.9", "3.10", "3.11", "3.13", "3.15")
def test_the_operator_is_killed_on_every_version(interpreter: Interpreter) -> None:
    """The same on the other versions, for the way in that is taken most."""
    kill_at_each_request(interpreter, "sleep", "ptrace", True)


@pytest.mark.parametrize("state", ["idle_asyncio", "idle_threads", "raw_epoll_with_timeout"])
@on_interpreters("3.10", "3.15")
def test_the_operator_is_killed_in_more_states(interpreter: Interpreter, state: str) -> None:
    """The same with an event loop, with many threads, and with a wait of C code that the kernel does not restart."""
    kill_at_each_request(interpreter, state, "ptrace", True)


def kill_at_each_request(interpreter: Interpreter, state: str, method: str, waits: bool) -> None:
    """One operator for each request that an injection makes: each is killed before its own."""
    with in_state(interpreter, state) as target:
        for request in range(1, MANY):
            wait_until(lambda: not waits or is_waiting(target.pid), "the wait")
            if not inject_in_child(target.pid, method, request, lambda: os.kill(os.getpid(), signal.SIGKILL)):
                break
            assert_unharmed(target, waits)
        assert 5 < request < MANY - 1
        # Between stopping a thread and reading its registers nothing can be done for epoll_wait, which then fails with
        # EINTR as it does for any signal.
        assert end_of_state(target)["eintr"] <= 4
    remove_scripts_for(target.pid)


@pytest.mark.parametrize(("state", "method", "waits"), CASES)
@on_interpreters("3.11", "3.14")
def test_ctrl_c(interpreter: Interpreter, state: str, method: str, waits: bool) -> None:
    """Ctrl-C at any moment ends the injection, and leaves nothing at all."""
    if method == "remote-exec" and interpreter.version < (3, 14):
        pytest.skip("PEP 768 came with 3.14")
    with in_state(interpreter, state) as target:
        for request in range(1, MANY, 5):
            wait_until(lambda: not waits or is_waiting(target.pid), "the wait")
            before = picture(target.pid)
            if not inject_in_child(target.pid, method, request, interrupt_main_thread):
                break
            assert_unharmed(target, waits)
            assert_untouched(before, target.pid, ("signals", "descriptors"))
        assert 5 < request < MANY - 1
        end_of_state(target)


def remove_scripts_for(pid: int) -> None:
    """Removes what PEP 768 needs a file for, and killed operators could not remove."""
    for script in Path("/tmp").glob(".live-attach-*/run.py"):
        with contextlib.suppress(FileNotFoundError):
            if f"# for {pid}\\" in script.read_text():  # the source is in it as the literal of a literal
                shutil.rmtree(script.parent)


def interrupt_main_thread() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("state", ["sleep", "busy", "busy_threads"])
@on_interpreters("3.9", "3.13", "3.15")
def test_operators_at_once(interpreter: Interpreter, state: str) -> None:
    """Several operators who come at the same time get in one after the other, and the source runs once."""
    with in_state(interpreter, state) as target:
        children = []
        for _ in range(4):
            children.append(os.fork())
            if children[-1] == 0:
                try:
                    inject_test_source(target.pid)
                except BaseException:
                    os._exit(1)
                os._exit(0)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
        assert marks(target.pid) == 1
        end_of_state(target)
