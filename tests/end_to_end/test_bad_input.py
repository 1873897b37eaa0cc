"""What goes wrong is said in one line with what to do, the exit code says which kind, and the target is as it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import servers
from tests.support.command import ATTACH, assert_explained, attach, started, succeed
from tests.support.interpreters import on_interpreters, require_interpreter
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import Target, running, wait_until

COMMANDS = ["start-coverage", "snapshot", "stop-coverage", "status", "detach"]
#: libraries stay mapped until the process ends: those of C modules, and before 3.12 the tracer's
PICTURE = ("mapped_files",)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_such_process(command: str) -> None:
    """A PID that does not exist is exit 3 for every command."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert_explained(attach(gone.pid, command), 3, f"no process {gone.pid}", "attach ps")


@pytest.mark.parametrize("pid", [0, 2**22 + 5, 10**30])
def test_impossible_pid(pid: int) -> None:
    """A number that no process can have is exit 3, not a traceback."""
    assert_explained(attach(pid, "status"), 3, "no process")


def test_a_thread_is_not_a_process(loop_312: Target) -> None:
    """The id of a thread is told from its process's, which is named."""
    (thread, *_) = (tid for tid in map(int, os.listdir(f"/proc/{loop_312.pid}/task")) if tid != loop_312.pid)
    assert_explained(attach(thread, "start-coverage"), 3, f"a thread of process {loop_312.pid}")


def test_a_directory_that_is_gone(loop_312: Target, tmp_path: Path) -> None:
    """Where the operator's own directory was deleted, what needs one says so, and the rest works."""
    gone = ["sh", "-c", f'cd {tmp_path} && rmdir {tmp_path} && exec "$@"', "sh", *ATTACH]
    before = settled_picture(loop_312.pid)
    assert_explained(attach(loop_312.pid, "start-coverage", "--source", "x", program=gone), 1, "cd /")
    assert_untouched(before, loop_312.pid, PICTURE)
    tmp_path.mkdir()
    assert attach(loop_312.pid, "start-coverage", program=gone).code == 0
    tmp_path.mkdir()
    assert_explained(attach(loop_312.pid, "snapshot", program=gone), 1, "cd /")
    succeed(loop_312.pid, "detach")


def test_not_python() -> None:
    """A process that does not run Python is exit 5 and sleeps on."""
    with running(["sleep", "60"]) as target:
        before = settled_picture(target.pid)
        assert_explained(attach(target.pid, "start-coverage"), 5, "no Python interpreter", "attach ps")
        assert_untouched(before, target.pid)


def test_zombie() -> None:
    """A process that has ended but was not reaped is exit 3, for commands that attach and those that look."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert_explained(attach(child.pid, "start-coverage"), 3, "zombie")
        assert_explained(attach(child.pid, "snapshot"), 3, "zombie")
    finally:
        child.wait()


@pytest.mark.parametrize("command", ["start-coverage", "status"])
def test_stopped(loop_312: Target, command: str) -> None:
    """A stopped process is exit 5 with the command that resumes it, at once, and it stays stopped."""
    os.kill(loop_312.pid, signal.SIGSTOP)
    stat = Path(f"/proc/{loop_312.pid}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "the stop")
    assert_explained(attach(loop_312.pid, command, timeout=5), 5, f"kill -CONT {loop_312.pid}")
    assert stat.read_text().rpartition(")")[2].split()[0] == "T"
    os.kill(loop_312.pid, signal.SIGCONT)
    servers.drive_loop(loop_312)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the command as somebody else")
@pytest.mark.parametrize("command", COMMANDS)
def test_other_user(loop_312: Target, nobodys_attach: list[str], command: str) -> None:
    """Another user's process is exit 4 for an ordinary user, who is told of sudo, and nothing was touched."""
    before = settled_picture(loop_312.pid)
    done = attach(loop_312.pid, command, program=nobodys_attach, cwd=Path("/"))
    assert_explained(done, 4, "belongs to root", "sudo")
    assert_untouched(before, loop_312.pid)


def test_already_traced(loop_312: Target) -> None:
    """A process under a debugger is exit 6 and the debugger is named."""
    seize = f"ctypes.CDLL(None).ptrace(0x4206, {loop_312.pid}, 0, 0)"
    code = f"import ctypes, time; print({seize}, flush=True); time.sleep(60)"
    with running([sys.executable, "-c", code], ready="^0$") as tracer:
        assert_explained(attach(loop_312.pid, "start-coverage"), 6, str(tracer.pid))
    servers.drive_loop(loop_312)


@pytest.mark.parametrize("command", ["snapshot", "stop-coverage"])
def test_before_start(loop_312: Target, command: str) -> None:
    """A snapshot without a start says so, names the command to start, and injects nothing."""
    before = settled_picture(loop_312.pid)
    assert_explained(attach(loop_312.pid, command), 1, "start-coverage")
    assert_untouched(before, loop_312.pid)


def test_detach_and_status_without_agent(loop_312: Target) -> None:
    """Detaching or asking a process that is not attached is no error and injects nothing."""
    before = settled_picture(loop_312.pid)
    assert "not attached" in succeed(loop_312.pid, "detach").stderr
    assert "not attached" in succeed(loop_312.pid, "status").stdout
    assert_untouched(before, loop_312.pid)


def test_start_twice(loop: Target, tmp_path: Path) -> None:
    """A second start is exit 6, says that it changed nothing, and the first one's data goes on growing."""
    succeed(loop.pid, "start-coverage")
    servers.drive_loop(loop)
    assert_explained(attach(loop.pid, "start-coverage", "--source", "nothing"), 6, "already", "snapshot")
    assert "loop.py" in succeed(loop.pid, "snapshot", cwd=tmp_path).stdout
    succeed(loop.pid, "detach")


def test_other_options_after_stop(loop_312: Target) -> None:
    """Data of other options is exit 6 with the way out; status and snapshot tell stopped from discarded."""
    succeed(loop_312.pid, "start-coverage")
    servers.drive_loop(loop_312)
    succeed(loop_312.pid, "stop-coverage")
    assert "stopped" in succeed(loop_312.pid, "status").stdout
    assert "loop.py" in succeed(loop_312.pid, "snapshot").stdout
    assert_explained(attach(loop_312.pid, "start-coverage", "-L"), 6, "[coverage-options-differ]", "--discard")
    succeed(loop_312.pid, "stop-coverage", "--discard")
    assert "not started" in succeed(loop_312.pid, "status").stdout
    assert_explained(attach(loop_312.pid, "snapshot"), 1, "[coverage-not-started]")
    succeed(loop_312.pid, "start-coverage", "-L")


def test_bad_pattern(loop_312: Target) -> None:
    """A pattern that coverage.py does not take is exit 2, and nothing stays in the target."""
    before = settled_picture(loop_312.pid)
    assert_explained(attach(loop_312.pid, "start-coverage", "--omit", "a***b"), 2, "a***", "[bad-option]")
    assert_untouched(before, loop_312.pid, ignoring=PICTURE)


def test_full_stdout() -> None:
    """Output that cannot be written is exit 1 and a sentence, not a traceback."""
    with open("/dev/full", "w") as full:
        done = subprocess.run([*ATTACH, "ps"], check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "attach: cannot write the output: No space left on device\n")


def test_unwritable_output(loop_312: Target, tmp_path: Path) -> None:
    """An output folder that cannot be made is told before anything is rendered; measuring goes on."""
    (tmp_path / "file").write_text("")
    succeed(loop_312.pid, "start-coverage")
    servers.drive_loop(loop_312)
    done = attach(loop_312.pid, "snapshot", f"--html={tmp_path}/file/htmlcov")
    assert_explained(done, 1, "cannot write", "--html")
    assert "loop.py" in succeed(loop_312.pid, "snapshot").stdout


def test_nothing_measured(loop_312: Target) -> None:
    """A snapshot with nothing in it is exit 1 and names what did run."""
    succeed(loop_312.pid, "start-coverage", "--source", "nonexistent")
    servers.drive_loop(loop_312)
    assert_explained(attach(loop_312.pid, "snapshot"), 1, "no line", "--source")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["start-coverage"], ["which process", "attach PID"]),
        (["4711"], ["4711 status"]),
        (["4711", "start-coverag"], ["did you mean start-coverage"]),
        (["nobody-knows"], ["nobody-knows"]),
        (["gunicorn", "status"], ["not a process id"]),
        (["4711", "ps"], ["takes no process"]),
        (["4711", "status", "--nonsense"], ["--nonsense"]),
        (["--timeout", "soon", "4711", "status"], ["soon"]),
        (["--method", "magic", "4711", "status"], ["magic", "ptrace"]),
        (["4711", "snapshot", "--fail-under", "many"], ["many"]),
    ],
)
def test_usage(arguments: list[str], words: list[str]) -> None:
    """A command line that makes no sense is exit 2 and says what would."""
    done = attach(*arguments)
    assert done.code == 2, str(done)
    for word in words:
        assert word in done.stderr, str(done)
    assert "Traceback" not in done.stderr


@on_interpreters("3.9", "3.13", "3.14")
def test_interrupted(loop: Target) -> None:
    """Ctrl-C at any moment of start-coverage is exit 130 without a traceback, and the target is as before."""
    before = settled_picture(loop.pid)
    duration = time_of_start(loop)
    for attempt in range(8):
        with started(loop.pid, "start-coverage") as command:
            # what comes before our own imports is the interpreter's start
            wait_until(lambda: "_ctypes" in Path(f"/proc/{command.pid}/maps").read_text(), "our imports", poll=0.001)
            time.sleep(duration * attempt / 16)
            command.send_signal(signal.SIGINT)
            stdout, stderr = command.communicate(timeout=60)
        assert stdout == ""
        assert command.returncode in (0, 130, -signal.SIGINT), stderr
        if command.returncode == 130:
            assert len(stderr.split("\n")) <= 3, stderr  # the one after ^C, and a line
            assert "interrupted" in stderr
        succeed(loop.pid, "detach")
        assert_untouched(before, loop.pid, ignoring=PICTURE)
    servers.drive_loop(loop)


def time_of_start(loop: Target) -> float:
    begin = time.monotonic()
    succeed(loop.pid, "start-coverage")
    duration = time.monotonic() - begin
    succeed(loop.pid, "detach")
    return duration


@on_interpreters("3.8", "3.12", "3.14")
def test_killed(loop: Target) -> None:
    """kill -9 of the operator at any moment leaves a target that runs on and can be attached to and left as usual."""
    before = settled_picture(loop.pid)
    duration = time_of_start(loop)
    for attempt in range(8):
        with started(loop.pid, "start-coverage") as command:
            time.sleep(duration * (attempt + 1) / 9)
            command.kill()
            command.communicate()
        servers.drive_loop(loop, cycles=1)
        attach(loop.pid, "start-coverage")  # exit 6 if the killed one had come that far
        succeed(loop.pid, "status")
        succeed(loop.pid, "detach")
    assert_untouched(before, loop.pid, ignoring=(*PICTURE, "executable_memory"))


@pytest.fixture
def loop_312() -> Iterator[Target]:
    """tests/targets/loop.py on one interpreter, for what does not depend on the version."""
    with servers.loop(require_interpreter("3.12").path) as target:
        yield target
