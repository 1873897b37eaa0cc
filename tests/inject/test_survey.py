"""What the survey says about a process is what an injection then does, and the survey itself does nothing to it."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attach.errors import AttachError
from attach.finding import NO
from attach.inject import memory, preflight, programs, ptrace, staging
from attach.inject.pyrasite import why_unavailable
from attach.inject.survey import Survey, survey
from attach.process import Process
from tests.inject.support import TARGETS, in_state, inject_test_source, is_waiting, marks
from tests.inject.test_preflight import become_nobody, in_child, needs_root, state_of, traced, without_capability
from tests.inject.test_seccomp import EVERYTHING, needs_reading, under
from tests.support.interpreters import Interpreter, from_version, on_interpreters
from tests.support.picture import assert_untouched, picture, settled_picture
from tests.support.processes import running, wait_until

one_version = on_interpreters("3.11")
few_versions = on_interpreters("3.8", "3.11", "3.14", "3.15")


def announced(pid: int, method: str = "auto", timeout: float = 20, *, force: bool = False) -> str:
    """What the survey says an injection would do: the method, or the error's slug."""
    found = survey(Process(pid), method=method, force=force, timeout=timeout)
    return found.error.slug if found.error else found.way


def done(pid: int, method: str = "auto", timeout: float = 20, *, force: bool = False) -> str:
    """What an injection does: the method, or the error's slug."""
    try:
        return inject_test_source(pid, method=method, timeout=timeout, force=force).method
    except AttachError as error:
        return error.slug


def obstacles(found: Survey) -> list[str]:
    """The slugs of all that is in the way."""
    return [finding.error.slug for finding in found.checks if finding.error and finding.level == NO]


@contextmanager
def untouched(pid: int) -> Iterator[None]:
    """Nobody stops, writes to, or changes the process meanwhile. A thread that sleeps is not even woken."""
    before = picture(pid)
    asleep = {tid: Process(pid).context_switches(tid) for tid in Process(pid).tids() if is_waiting(pid, tid)}
    yield
    assert_untouched(before, pid, timeout=1)
    for tid, switches in asleep.items():
        assert Process(pid).context_switches(tid) == switches


@pytest.fixture(autouse=True)
def _nothing_is_done(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the survey looks, what would stop a thread, write to memory or make a file is an error of the test."""
    real = survey

    def forbidden(*_arguments: object, **_names: object) -> None:
        raise AssertionError("the survey does something to the process")

    def guarded(process: Process, **options: object) -> Survey:
        with monkeypatch.context() as patched:
            patched.setattr(ptrace, "_request", forbidden)
            patched.setattr(memory.Memory, "write", forbidden)
            patched.setattr(staging.StagedScript, "_make", forbidden)
            return real(process, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(request.module, "survey", guarded)


# ---- states in which an injection works ----


@few_versions
@pytest.mark.parametrize("state", ["epoll", "sleep", "lock", "idle_threads", "idle_asyncio", "raw_epoll"])
def test_a_parked_thread(interpreter: Interpreter, state: str) -> None:
    """Where threads wait, the one that will be borrowed is named, with its system call."""
    with in_state(interpreter, state) as target:
        wait_until(lambda: is_waiting(target.pid), "the wait")
        with untouched(target.pid):
            found = survey(Process(target.pid))
        assert found.error is None
        injection = inject_test_source(target.pid)
        assert found.way == injection.method == "ptrace"
        thread, call = found.because.removeprefix("thread ").split(" is parked in ")
        assert injection.detail == f"thread {thread}, parked in {call}, started ours"


def test_a_busy_program(interpreter: Interpreter) -> None:
    """Where nobody waits, it is PEP 768 from 3.14 on, and a pending call before."""
    with in_state(interpreter, "busy") as target:
        with untouched(target.pid):
            said = announced(target.pid)
        assert said == ("remote-exec" if interpreter.version >= (3, 14) else "ptrace")
        assert said == done(target.pid)


@from_version("3.14")
@pytest.mark.parametrize("method", ["ptrace", "remote-exec"])
def test_a_chosen_method(interpreter: Interpreter, method: str) -> None:
    """With --method only that way counts."""
    with in_state(interpreter, "busy") as target:
        assert announced(target.pid, method) == method == done(target.pid, method)


@on_interpreters("3.8", "3.14")
def test_pep_768_that_cannot_be_had(interpreter: Interpreter) -> None:
    """Where PEP 768 is too new or disabled, that way is refused with the error of --method, and the other is taken."""
    options = ["-X", "disable-remote-debug"] if interpreter.version >= (3, 14) else []
    with running([interpreter.path, *options, TARGETS / "states.py", "busy"], ready="^ready$") as target:
        found = survey(Process(target.pid))
        (way,) = (way for way in found.ways if way.about == "remote-exec")
        assert announced(target.pid, "remote-exec") == done(target.pid, "remote-exec") == "method-unavailable"
        assert way.error is not None
        assert way.error.slug == "method-unavailable"
        assert found.way == done(target.pid) == "ptrace"


# ---- states in which it does not ----


def test_a_c_call_that_holds_the_lock(interpreter: Interpreter) -> None:
    """A C call that sleeps with the interpreter lock is noticed on every version, and its thread is named."""
    with in_state(interpreter, "gil_held", "60") as target:
        wait_until(lambda: is_waiting(target.pid), "the C call")
        with untouched(target.pid):
            found = survey(Process(target.pid), timeout=0.5)
        assert f"thread {target.pid} holds" in str([check.text for check in found.checks])
        assert found.error is not None
        assert found.error.slug == done(target.pid, timeout=0.5) == "gil-held"


@few_versions
@pytest.mark.parametrize("state", ["busy_threads", "join"])
def test_a_lock_that_changes_hands(interpreter: Interpreter, state: str) -> None:
    """Threads that wait for the interpreter lock in the usual way are not taken for a C call."""
    with in_state(interpreter, state) as target:
        found = survey(Process(target.pid))
        assert "lock" not in [check.about for check in found.checks]
        assert found.error is None
        inject_test_source(target.pid)


@one_version
def test_an_uninterruptible_wait(interpreter: Interpreter) -> None:
    """A thread that stays in state D is told as the injection tells it."""
    with in_state(interpreter, "uninterruptible") as target:
        wait_until(lambda: Process(target.pid).state == "D", "the state D")
        assert announced(target.pid) == done(target.pid, timeout=0.5) == "thread-not-stopping"


@one_version
def test_more_than_one_obstacle(interpreter: Interpreter) -> None:
    """One obstacle does not hide the next, and the first is the one that an injection stumbles over."""
    with in_state(interpreter, "finalising") as target:
        os.kill(target.pid, signal.SIGSTOP)
        wait_until(lambda: state_of(target.pid) == "T", "the stop")
        with untouched(target.pid):
            found = survey(Process(target.pid))
        assert obstacles(found) == ["stopped", "interpreter-not-ready"]
        assert found.error is not None
        assert found.error.slug == done(target.pid)
        assert state_of(target.pid) == "T"


@one_version
def test_a_stopped_process(interpreter: Interpreter) -> None:
    """The ways in are told though it is stopped now."""
    with in_state(interpreter, "sleep") as target:
        os.kill(target.pid, signal.SIGSTOP)
        wait_until(lambda: state_of(target.pid) == "T", "the stop")
        found = survey(Process(target.pid))
        assert obstacles(found) == ["stopped"] == [done(target.pid)]
        assert found.ways


@needs_reading
@one_version
def test_a_seccomp_filter(interpreter: Interpreter) -> None:
    """To read a filter takes a stopped thread: that is left to the injection, and said."""
    with under(interpreter, EVERYTHING) as target:
        with untouched(target.pid):
            found = survey(Process(target.pid))
        assert "seccomp" in [check.about for check in found.checks]
        assert "the seccomp filter is read" in found.because
        assert found.error is None
        assert found.way == done(target.pid)


@one_version
def test_a_traced_process(interpreter: Interpreter) -> None:
    """The tracer is named, and the rest is told all the same."""
    with in_state(interpreter, "sleep") as target, traced(target.pid) as tracer:
        found = survey(Process(target.pid))
        assert obstacles(found) == ["already-traced"] == [done(target.pid)]
        assert str(tracer) in str(found.error)
        assert found.runtime is not None
        assert found.way == "ptrace"


def test_a_zombie() -> None:
    """Of a process that has ended nothing but that is told."""
    child = subprocess.Popen(["true"])
    wait_until(lambda: state_of(child.pid) == "Z", "the zombie")
    try:
        assert obstacles(survey(Process(child.pid))) == ["zombie"] == [done(child.pid)]
    finally:
        child.wait()


def test_a_program_without_python() -> None:
    """A program that is no Python is told as such."""
    with running(["sleep", "1000"]) as target:
        settled_picture(target.pid)
        with untouched(target.pid):
            said = announced(target.pid)
        assert said == done(target.pid) == "not-python"


@few_versions
def test_an_interpreter_that_shuts_down(interpreter: Interpreter) -> None:
    """An interpreter that is being torn down is told from one that runs."""
    with in_state(interpreter, "finalising") as target, untouched(target.pid):
        assert announced(target.pid) == done(target.pid) == "interpreter-not-ready"


def in_child_announced(change: Callable[[], object], pid: int) -> list[str]:
    """The names of the errors in the way, as a child of ours sees them that has called `change`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            change()
            found = survey(Process(pid))
            names = [type(finding.error).__name__ for finding in found.checks if finding.error]
            os.write(writing, ",".join([type(found.error).__name__, *names]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    return text.split(",")


@needs_root
@one_version
@pytest.mark.parametrize("change", [become_nobody, without_capability])
def test_without_the_right(interpreter: Interpreter, change: Callable[[], object]) -> None:
    """Who may not look inside is told why, and learns what can be seen from outside: a tracer, for instance."""
    with in_state(interpreter, "sleep") as target, traced(target.pid):
        with untouched(target.pid):
            verdict, *others = in_child_announced(change, target.pid)
        assert others == [verdict, "AlreadyTraced"]
    with in_state(interpreter, "sleep") as target:
        assert verdict == in_child(change, target.pid)
        assert not marks(target.pid)


# ---- what kind of interpreter ----


def test_the_build(interpreter: Interpreter) -> None:
    """Version, C library, linkage and kind of build are told as the interpreter itself tells them."""
    code = "import sys, sysconfig; print(sys.abiflags + '-', sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
    told = subprocess.run([interpreter.path, "-c", code], check=True, capture_output=True, text=True).stdout
    with in_state(interpreter, "sleep") as target:
        found = survey(Process(target.pid))
        assert found.runtime is not None
        assert found.build is not None
        assert interpreter.release.startswith(str(found.runtime.version))
        assert found.build.debug == ("d" in told.partition("-")[0])
        assert found.build.libc == "glibc"
        assert bool(found.build.library) == ("libpython" in Path(f"/proc/{target.pid}/maps").read_text())
        new = interpreter.version >= (3, 13)
        assert found.build.free_threaded == (told.strip().endswith("1") if new else None)
        assert found.build.interpreters == (1 if new else None)


@from_version("3.13")
def test_subinterpreters(interpreter: Interpreter) -> None:
    """Interpreters beside the main one are counted, and are no obstacle."""
    code = "import _interpreters, time; _interpreters.create(); print('ready', flush=True); time.sleep(1000)"
    with running([interpreter.path, "-c", code], ready="^ready$") as target:
        found = survey(Process(target.pid))
        assert found.build is not None
        assert found.build.interpreters == 2
        assert announced(target.pid) == done(target.pid)


def test_oneself() -> None:
    """Whoever asks about live-attach itself is told that it cannot trace itself."""
    assert obstacles(survey(Process(os.getpid())))[0] == "unsupported"


def test_the_programs_of_pyrasite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """gdb on PATH tells its version; without it that way is refused, and what lacks is named."""
    process = Process(os.getpid())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    assert programs.gdb_version() is None
    (tmp_path / "pyrasite.py").write_text("")
    assert "needs gdb" in why_unavailable(process)
    (tmp_path / "gdb").write_text("#!/bin/sh\necho 'GNU gdb (Debian 13.1-3) 13.1'\n")
    (tmp_path / "gdb").chmod(0o755)
    assert programs.gdb_version() == "13.1"
    assert why_unavailable(process) == ""


@one_version
def test_another_machine(interpreter: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that we have no registers for, and without gdb, there is no way in."""
    monkeypatch.setattr(preflight, "_MACHINES", {})
    monkeypatch.setenv("PATH", str(tmp_path))
    with in_state(interpreter, "sleep") as target:
        assert announced(target.pid) == done(target.pid) == "unsupported-machine"
