"""A process that cannot be attached to gives one clear error, and nothing happens to it."""

import codecs
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attach.errors import (
    EXIT_BUSY,
    EXIT_NO_PROCESS,
    EXIT_PERMISSION,
    EXIT_UNSUPPORTED,
    AlreadyTraced,
    AttachError,
    InterpreterNotReady,
    NoSuchProcess,
    NotAProcess,
    NotDumpable,
    NotPython,
    OtherUser,
    PtraceCapabilityMissing,
    PtraceScope,
    StoppedProcess,
    UnsupportedTarget,
    ZombieProcess,
)
from attach.inject import inject, preflight
from attach.process import Process
from tests.inject.support import in_state, inject_test_source, marks
from tests.support.executables import compiled, shared_library
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.picture import assert_untouched, picture
from tests.support.processes import Target, running, wait_until

libc = ctypes.CDLL(None, use_errno=True)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes its user")
#: Loads the library that its argument names, and does nothing with it.
LOADING = r"""
#include <dlfcn.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) && write(1, "ready\n", 6))
        pause();
}
"""
one_version = on_interpreters("3.11")


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def in_child(change: Callable[[], object], pid: int) -> str:
    """Injects from a child of ours that has called `change`: the class of the error, or "no error"."""
    codecs.lookup("ascii")  # nobody may not read our standard library
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            text = "no error"
            try:
                change()
                inject_test_source(pid)
            except BaseException as error:
                text = type(error).__name__
            os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    return text


def become_nobody() -> None:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def without_capability() -> None:
    """capset(2): everything but SYS_PTRACE."""
    kept = int(Process(os.getpid()).status_field("CapPrm"), 16) & ~(1 << 19)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    assert libc.capset(header, data) == 0, os.strerror(ctypes.get_errno())


@contextlib.contextmanager
def traced(pid: int) -> Iterator[int]:
    """Another process traces `pid`; gives the PID of that."""
    reading, writing = os.pipe()
    tracer = os.fork()
    if tracer == 0:
        libc.ptrace(0x4206, pid, None, None)  # PTRACE_SEIZE
        os.write(writing, b"x")
        signal.pause()
    os.read(reading, 1)
    try:
        yield tracer
    finally:
        os.kill(tracer, signal.SIGKILL)
        os.waitpid(tracer, 0)
        os.close(reading)
        os.close(writing)


def test_no_such_process() -> None:
    """A PID that nobody has is told as such."""
    child = subprocess.Popen(["true"])
    child.wait()
    with pytest.raises(NoSuchProcess) as error:
        inject_test_source(child.pid)
    assert error.value.exit_code == EXIT_NO_PROCESS


def test_zero_and_negative_numbers_are_no_processes() -> None:
    """Numbers that cannot be PIDs do not reach the kernel."""
    for number in (0, -1):
        with pytest.raises(NoSuchProcess):
            Process(number)


@one_version
def test_a_thread_is_no_process(interpreter: Interpreter) -> None:
    """The number of a thread leads to its process."""
    with in_state(interpreter, "idle_threads") as target:
        with pytest.raises(NotAProcess) as error:
            Process(Process(target.pid).tids()[1])
        assert error.value.pid == target.pid


@one_version
def test_a_pid_that_was_given_to_another_process(interpreter: Interpreter) -> None:
    """A process is told from a later one with the same PID."""
    with in_state(interpreter, "sleep") as target:
        process = Process(target.pid)
        process.start_time -= 1
        assert not process.alive()
        with pytest.raises(NoSuchProcess):
            inject(process, "", lambda: True)


def test_a_zombie() -> None:
    """A process that has ended but was not waited for is told as such, with its parent."""
    child = subprocess.Popen(["true"])
    wait_until(lambda: state_of(child.pid) == "Z", "the zombie")
    try:
        with pytest.raises(ZombieProcess) as error:
            inject_test_source(child.pid)
        assert str(os.getpid()) in error.value.message
    finally:
        child.wait()


@one_version
def test_a_stopped_process(interpreter: Interpreter) -> None:
    """A stopped process is left stopped, and the hint says how to let it go on."""
    with in_state(interpreter, "sleep") as target:
        os.kill(target.pid, signal.SIGSTOP)
        wait_until(lambda: state_of(target.pid) == "T", "the stop")
        with pytest.raises(StoppedProcess) as error:
            inject_test_source(target.pid)
        assert f"kill -CONT {target.pid}" in error.value.hint
        assert state_of(target.pid) == "T"


def test_a_program_without_python() -> None:
    """A process that is no Python is told as such."""
    with running(["sleep", "1000"]) as target:
        with pytest.raises(NotPython) as error:
            inject_test_source(target.pid)
        assert error.value.exit_code == EXIT_UNSUPPORTED
        assert target.is_running()


def test_oneself() -> None:
    """A process cannot attach to itself, and says so."""
    with pytest.raises(UnsupportedTarget):
        inject_test_source(os.getpid())


def assert_refused(target: Target, error: type[AttachError], change: Callable[[], object]) -> None:
    before = picture(target.pid)
    assert in_child(change, target.pid) == error.__name__
    assert_untouched(before, target.pid)
    assert not marks(target.pid)


@needs_root
@one_version
def test_the_process_of_another_user(interpreter: Interpreter) -> None:
    """Another user's process is refused, and the hint says how to become that user."""
    with in_state(interpreter, "sleep") as target:
        assert_refused(target, OtherUser, become_nobody)
    hint = OtherUser(4711, "www-data").hint
    assert OtherUser.exit_code == EXIT_PERMISSION
    assert "sudo" in hint


@needs_root
@one_version
def test_root_without_the_capability(interpreter: Interpreter) -> None:
    """Root in a container lacks SYS_PTRACE, and is told how to get it."""
    with in_state(interpreter, "sleep") as target:
        assert_refused(target, PtraceCapabilityMissing, without_capability)
    assert "--cap-add=SYS_PTRACE" in PtraceCapabilityMissing(4711).hint


@contextlib.contextmanager
def undumpable() -> Iterator[int]:
    """A process of nobody's that the kernel protects from nobody."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = Path(folder, "sleep")
        shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
        program.chmod(0o711)  # the kernel protects who runs what he may not read (ptrace(2), "dumpable")
        with subprocess.Popen([program, "60"], user="nobody") as child:
            wait_until(lambda: state_of(child.pid) == "S", "the sleep")
            yield child.pid
            child.kill()


@needs_root
def test_a_process_that_is_not_dumpable() -> None:
    """A process of ours that the kernel protects from its own user is told from one of another user."""
    with undumpable() as pid:
        assert in_child(become_nobody, pid) == NotDumpable.__name__


@needs_root
@pytest.mark.parametrize("scope", [1, 2, 3])
def test_yama(scope: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel refuses and Yama restricts ptrace, Yama is named; a file stands in for its setting here."""
    with tempfile.TemporaryDirectory() as folder, undumpable() as pid:
        os.chmod(folder, 0o755)
        setting = Path(folder, "ptrace_scope")
        setting.write_text(f"{scope}\n")
        monkeypatch.setattr(preflight, "_SCOPE", str(setting))
        assert in_child(become_nobody, pid) == PtraceScope.__name__
    hint = PtraceScope(4711, scope).hint
    assert ("boot" in hint) == (scope == 3)
    assert ("sysctl" in hint) == (scope < 3)


@one_version
def test_a_process_that_is_traced(interpreter: Interpreter) -> None:
    """The tracer is named, and goes on tracing."""
    with in_state(interpreter, "sleep") as target, traced(target.pid) as tracer:
        with pytest.raises(AlreadyTraced) as error:
            inject_test_source(target.pid)
        assert error.value.exit_code == EXIT_BUSY
        assert str(tracer) in error.value.message
        assert Process(target.pid).tracer == tracer


@one_version
def test_a_process_of_which_one_thread_is_traced(interpreter: Interpreter) -> None:
    """A tracer of another thread than the main one is noticed or not in the way, and survives."""
    with in_state(interpreter, "idle_threads") as target:
        last = Process(target.pid).tids()[-1]
        with traced(last) as tracer:
            inject_test_source(target.pid)
            assert int(Process(target.pid).status_field("TracerPid", last)) == tracer
        assert target.is_running()


def test_an_interpreter_that_shuts_down(interpreter: Interpreter) -> None:
    """Nothing is started in an interpreter that is being torn down."""
    with in_state(interpreter, "finalising") as target:
        with pytest.raises(InterpreterNotReady):
            inject_test_source(target.pid)
        assert not marks(target.pid)


def test_an_interpreter_that_has_not_started(interpreter: Interpreter, tmp_path: Path) -> None:
    """Nothing is started in a program that has loaded Python and not yet initialised it."""
    program = compiled(LOADING, tmp_path / "loading", "-ldl")
    with running([program, shared_library(interpreter)], ready="^ready$") as target:
        before = picture(target.pid)
        with pytest.raises(InterpreterNotReady, match="is still starting"):
            inject_test_source(target.pid)
        assert_untouched(before, target.pid)
