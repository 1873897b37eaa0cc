"""What goes wrong inside the target comes back as its own error, and nothing stays or runs later."""

import contextlib
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from attach.errors import (
    BootstrapFailed,
    GilHeld,
    MethodUnavailable,
    NoEvaluationPoint,
    ResourceLimit,
    TargetExited,
    ThreadNotStopping,
)
from attach.inject import inject
from attach.process import Process
from tests.inject.support import (
    SOURCE,
    assert_nothing_left,
    end_of_state,
    in_state,
    inject_test_source,
    is_waiting,
    marks,
)
from tests.support.interpreters import Interpreter, before_version, from_version, on_interpreters
from tests.support.picture import assert_untouched, picture
from tests.support.processes import wait_until

METHODS = ("ptrace", "remote-exec")
one_version = on_interpreters("3.11")
#: glibc catches SIGSETXID from its first thread on.
GLIBC = ("signals",)


def methods_of(interpreter: Interpreter) -> tuple[str, ...]:
    return METHODS if interpreter.version >= (3, 14) else METHODS[:1]


def fails(pid: int, source: str, method: str) -> BootstrapFailed:
    """Injects a source that raises, and gives the error."""
    with pytest.raises(BootstrapFailed) as error:
        inject_test_source(pid, source=source, method=method)
    return error.value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("raise ValueError('no \\u2014 never')", "ValueError('no \u2014 never')"),
        ("this is no Python", "SyntaxError('invalid syntax'"),
        ("import sys; sys.exit(3)", "SystemExit(3)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt()"),
        ("class E(Exception):\n  def __repr__(self): raise self\nraise E", ""),
        ("raise ValueError('x' * 100000)", "ValueError('xxxx"),
        ("raise ValueError('\\udc80')", "\\udc80"),
    ],
)
def test_the_exception_of_the_source_comes_back(interpreter: Interpreter, source: str, text: str) -> None:
    """What the source raises, also SystemExit, is told to the operator only; the program notices nothing."""
    for method in methods_of(interpreter):
        with in_state(interpreter, "sleep") as target:
            before = picture(target.pid)
            assert text in fails(target.pid, source, method).text
            assert_untouched(before, target.pid, GLIBC)
            assert target.stderr == ""
            end_of_state(target)


def test_an_audit_hook_that_vetoes(interpreter: Interpreter) -> None:
    """A program that refuses foreign code has the last word, and its words are shown."""
    with in_state(interpreter, "vetoing") as target:
        before = picture(target.pid)
        error = fails(target.pid, SOURCE, "auto")
        assert "no code from outside \u2014 ever" in error.message
        assert_untouched(before, target.pid, GLIBC)


@from_version("3.14")
def test_pep_768_can_be_disabled(interpreter: Interpreter) -> None:
    """Where remote debugging is disabled ``--method remote-exec`` says so, and ptrace gets in."""
    from tests.inject.support import TARGETS
    from tests.support.processes import running

    command = [interpreter.path, "-X", "disable-remote-debug", TARGETS / "states.py", "busy"]
    with running(command, ready="^ready$") as target:
        with pytest.raises(MethodUnavailable) as error:
            inject_test_source(target.pid, method="remote-exec")
        assert "disabled" in error.value.message
        assert inject_test_source(target.pid).method == "ptrace"


@before_version("3.14")
def test_pep_768_came_with_3_14(interpreter: Interpreter) -> None:
    """``--method remote-exec`` is refused where it does not exist."""
    with in_state(interpreter, "sleep") as target, pytest.raises(MethodUnavailable):
        inject_test_source(target.pid, method="remote-exec")


def test_memory_that_must_not_be_written_and_executed(interpreter: Interpreter) -> None:
    """MemoryDenyWriteExecute is respected and no obstacle."""
    with in_state(interpreter, "denying_write_and_execute") as target:
        before = picture(target.pid)
        inject_test_source(target.pid)
        assert_nothing_left(before, target.pid)


@one_version
def test_a_limit_of_memory(interpreter: Interpreter) -> None:
    """A program that may have no more memory is told from a broken one, and goes on."""
    with in_state(interpreter, "sleep") as target:
        before = picture(target.pid)
        pages = int(Path(f"/proc/{target.pid}/statm").read_text().split()[0])
        for room in (0, 64):  # not even our pages; our pages, but no stack for a thread
            limit = (pages + room) * resource.getpagesize()
            resource.prlimit(target.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
            with pytest.raises(ResourceLimit) as error:
                inject_test_source(target.pid, method="ptrace")
            assert f"prlimit --pid {target.pid}" in error.value.hint
            assert_untouched(before, target.pid, GLIBC)
        end_of_state(target)


@one_version
def test_a_limit_of_memory_in_a_busy_program(interpreter: Interpreter) -> None:
    """The same where a pending call starts our thread: the failure is read out of the target, then taken away."""
    with in_state(interpreter, "busy") as target:
        before = picture(target.pid)
        pages = int(Path(f"/proc/{target.pid}/statm").read_text().split()[0])
        limit = (pages + 64) * resource.getpagesize()
        resource.prlimit(target.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        with pytest.raises(ResourceLimit):
            inject_test_source(target.pid)
        assert_untouched(before, target.pid, GLIBC)
        end_of_state(target)


@one_version
def test_a_limit_of_descriptors(interpreter: Interpreter) -> None:
    """A program that may not open another file is told from one that refuses the agent, and goes on."""
    with in_state(interpreter, "sleep") as target:
        before = picture(target.pid)
        resource.prlimit(target.pid, resource.RLIMIT_NOFILE, (3, 1000))
        with pytest.raises(ResourceLimit, match="file descriptor"):
            inject_test_source(target.pid)
        assert_untouched(before, target.pid, GLIBC)
        end_of_state(target)


def test_a_c_call_that_holds_the_gil(interpreter: Interpreter) -> None:
    """Time runs out while a C call holds the GIL; when it ends, our thread leaves without running the source."""
    with in_state(interpreter, "gil_held", "1.5") as target:
        wait_until(lambda: is_waiting(target.pid), "the C call")
        before = picture(target.pid)
        with pytest.raises(GilHeld):
            inject_test_source(target.pid, timeout=0.3)
        assert_untouched(before, target.pid, GLIBC)
        assert not marks(target.pid)
        end_of_state(target)


def test_no_evaluation_point(interpreter: Interpreter) -> None:
    """Time runs out before any thread runs Python; the request that was made does nothing later."""
    with in_state(interpreter, "gil_free_in_c", "1.5") as target:
        before = picture(target.pid)
        with pytest.raises(NoEvaluationPoint):
            inject_test_source(target.pid, timeout=0.3)
        wait_until(lambda: is_waiting(target.pid), "the end of the C call")
        assert_untouched(before, target.pid, GLIBC)
        assert not marks(target.pid)
        end_of_state(target)


@one_version
def test_what_stays_for_a_while_is_told(interpreter: Interpreter) -> None:
    """A pending call that was added and not run stays until it can be; only then something is said to be left."""
    for state, stays in (("gil_free_in_c", True), ("busy", False)):
        with in_state(interpreter, state, "1.5") as target:
            said: list[str] = []
            with pytest.raises(NoEvaluationPoint) if stays else contextlib.nullcontext():
                process = Process(target.pid)
                timeout = 0.3 if stays else 20
                inject(process, SOURCE, lambda pid=target.pid: marks(pid) > 0, timeout=timeout, log=said.append)
            assert any("pending call added" in line for line in said)
            assert any("left behind" in line for line in said) == stays


@one_version
def test_a_thread_in_an_uninterruptible_wait(interpreter: Interpreter) -> None:
    """A thread in state D, which cannot be stopped, is left alone and named, and is not traced afterwards."""
    with in_state(interpreter, "uninterruptible") as target:
        wait_until(lambda: Process(target.pid).state == "D", "the state D")
        with pytest.raises(ThreadNotStopping) as error:
            inject_test_source(target.pid, timeout=0.5)
        assert f"/proc/{target.pid}/task/{target.pid}/stack" in error.value.hint
        assert Process(target.pid).tracer == 0


def test_a_target_that_ends_meanwhile(interpreter: Interpreter) -> None:
    """A program that ends in the middle gives an error of its own, quickly."""
    with in_state(interpreter, "sleep") as target:

        def kill_it() -> bool:
            os.kill(target.pid, signal.SIGKILL)
            return False

        begin = time.monotonic()
        with pytest.raises(TargetExited):
            inject(Process(target.pid), SOURCE, kill_it, timeout=60)
        assert time.monotonic() - begin < 30


@pytest.mark.parametrize("state", ["sleep_exactly", "timer_exactly"])
@on_interpreters("3.8", "3.11", "3.15")
def test_deadlines_are_kept(interpreter: Interpreter, state: str) -> None:
    """A sleep, or a timer of asyncio, that was interrupted late ends when it should."""
    with in_state(interpreter, state, "3") as target:
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() - begin > 2.5, "the sleep to be nearly over")
        inject_test_source(target.pid)
        elapsed = float(target.wait_for(r'"elapsed": ([\d.]+)')[1])
        assert 3 <= elapsed < 5  # begun anew it would be 5.5
