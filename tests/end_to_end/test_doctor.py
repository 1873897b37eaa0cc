"""`attach doctor` says what `attach PID start-coverage` then does, with the same exit code, and does nothing itself."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from attach.process import Process
from tests.inject.support import in_state
from tests.inject.test_seccomp import EVERYTHING, MEMFD_CREATE, operator_under, under
from tests.support.command import ATTACH, Done, attach, environment, succeed
from tests.support.filters import ALLOW, KILL_PROCESS, deny
from tests.support.interpreters import Interpreter, on_interpreters, require_interpreter
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import Target, running, wait_until

TARGETS = Path(__file__).parent.parent / "targets"
SEIZE = "import ctypes, time; print(ctypes.CDLL(None).ptrace(0x4206, {}, 0, 0), flush=True); time.sleep(600)"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the command as somebody else")


@contextmanager
def parked(minor: str = "3.12") -> Iterator[Target]:
    """A program that sleeps."""
    with in_state(require_interpreter(minor), "sleep") as target:
        yield target


def slug(text: str) -> str:
    """The name of the error, empty if there is none."""
    found = re.search(r"\[([a-z-]+)\]$", text.splitlines()[0]) if text else None
    return found[1] if found else ""


def assert_agree(pid: int, *options: str) -> Done:
    """The doctor says what an attach then does; gives the doctor's answer."""
    before = settled_picture(pid)
    said = attach(*options, "doctor", pid)
    assert_untouched(before, pid)
    done = attach(*options, pid, "start-coverage")
    assert (said.code, slug(said.stdout)) == (done.code, slug(done.stderr)), f"{said}\n{done}"
    assert said.stderr == "", str(said)
    if said.code:
        hint = [line for line in done.stderr.splitlines() if line.startswith("  ")]
        assert said.stdout.splitlines()[1 : 1 + len(hint)] == hint
    else:
        succeed(pid, "detach")
    return said


@on_interpreters("3.8", "3.11", "3.15")
@pytest.mark.parametrize("state", ["epoll", "busy"])
def test_what_works(interpreter: Interpreter, state: str) -> None:
    """Where an attach works the doctor says so, and how."""
    with in_state(interpreter, state) as target:
        said = assert_agree(target.pid)
        assert said.code == 0
        assert re.match(r"attach would use (ptrace|remote-exec): ", said.stdout)


@on_interpreters("3.8", "3.14")
def test_what_does_not_work(interpreter: Interpreter) -> None:
    """Where it does not, the doctor has the attach's error, hint and exit code: shutting down, stopped, and a C call
    that keeps the interpreter lock."""
    with in_state(interpreter, "finalising") as target:
        assert assert_agree(target.pid).code == 5
        os.kill(target.pid, signal.SIGSTOP)
        wait_until(lambda: Process(target.pid).state == "T", "the stop")
        said = assert_agree(target.pid)
        assert slug(said.stdout) == "stopped"
        assert "[interpreter-not-ready]" in said.stdout
    with in_state(interpreter, "gil_held", "100") as target:
        wait_until(lambda: Process(target.pid).state == "S", "the C call")
        assert assert_agree(target.pid, "--timeout", "1").code == 7


@on_interpreters("3.12")
@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("action", [ALLOW, KILL_PROCESS])
def test_filters_that_we_are_under_as_well(interpreter: Interpreter, action: int, more: int) -> None:
    """In the target's own container its filters are judged as by an attach, without stopping anything."""
    code = deny({MEMFD_CREATE: action})
    with under(interpreter, code, *[EVERYTHING] * more) as target:
        before = settled_picture(target.pid)
        said = attach("doctor", target.pid, program=operator_under(code))
        assert_untouched(before, target.pid)
        done = attach(target.pid, "start-coverage", program=operator_under(code))
        assert (said.code, slug(said.stdout)) == (done.code, slug(done.stderr)), f"{said}\n{done}"
        assert (said.code == 0) == (action == ALLOW and not more)


def test_no_process_and_no_python() -> None:
    """A PID that nobody has, a zombie, and a program that is no Python."""
    child = subprocess.Popen(["true"])
    wait_until(lambda: Process(child.pid).state == "Z", "the zombie")
    assert attach("doctor", child.pid).stdout.count("[zombie]") == 2
    assert attach("doctor", child.pid).code == 3
    child.wait()
    done = attach("doctor", child.pid)
    assert (done.code, done.stdout.count("\n")) == (3, 2), str(done)
    with running(["sleep", "1000"]) as target:
        assert assert_agree(target.pid).code == 5


def test_a_thread_is_no_process() -> None:
    """The number of a thread leads to its process."""
    with in_state(require_interpreter("3.12"), "idle_threads") as target:
        done = attach("doctor", Process(target.pid).tids()[-1])
        assert (done.code, slug(done.stdout)) == (3, "not-a-process")
        assert f"attach {target.pid}" in done.stdout


def test_traced() -> None:
    """A debugger that is there is named."""
    with (
        parked() as target,
        running([sys.executable, "-c", SEIZE.format(target.pid)], ready="^0$") as tracer,
    ):
        said = assert_agree(target.pid)
        assert (said.code, slug(said.stdout)) == (6, "already-traced")
        assert str(tracer.pid) in said.stdout


#: Runs its arguments under a filter that answers ENOSYS to pidfd_getfd(2), as a kernel before 5.6 does.
OLD_KERNEL = """
import ctypes, os, struct, sys
code = b"".join(struct.pack("<HBBI", *line) for line in
                [(0x20, 0, 0, 0), (0x15, 0, 1, 438), (0x06, 0, 0, 0x50000 | 38), (0x06, 0, 0, 0x7FFF0000)])
text = ctypes.create_string_buffer(code, len(code))
filters = struct.pack("<HxxxxxxQ", 4, ctypes.addressof(text))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filters, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_an_old_kernel() -> None:
    """Without pidfd_getfd(2) the doctor says so, and an attach does before it injects anything."""
    program = [sys.executable, "-c", OLD_KERNEL, *ATTACH]
    with parked() as target:
        before = settled_picture(target.pid)
        said = attach("doctor", target.pid, program=program)
        done = attach(target.pid, "start-coverage", program=program)
        assert (said.code, slug(said.stdout)) == (done.code, slug(done.stderr)) == (5, "kernel-too-old")
        assert_untouched(before, target.pid, timeout=1)
    machine = attach("doctor", program=program)
    assert (machine.code, slug(machine.stdout)) == (5, "kernel-too-old")


@needs_root
def test_another_users_process(nobodys_attach: list[str]) -> None:
    """An ordinary user learns why not, and what to do; without a PID, how many processes are not his."""
    with parked() as target:
        before = settled_picture(target.pid)
        said = attach("doctor", target.pid, program=nobodys_attach, cwd=Path("/"))
        done = attach(target.pid, "start-coverage", program=nobodys_attach, cwd=Path("/"))
        assert (said.code, slug(said.stdout)) == (done.code, slug(done.stderr)) == (4, "other-user")
        assert "sudo" in said.stdout
        assert_untouched(before, target.pid)
        machine = attach("doctor", program=nobodys_attach, cwd=Path("/"))
        assert machine.code == 0
        assert "that we may not look into" in machine.stdout
        listed = attach("ps", program=nobodys_attach, cwd=Path("/"))
        assert re.search(r"You may not look into \d+ other process", listed.stderr)
        assert str(target.pid) not in listed.stdout


@on_interpreters("3.11", "3.14")
def test_an_agent_is_there(interpreter: Interpreter) -> None:
    """An agent is reported with what it does, and asking it changes nothing."""
    with in_state(interpreter, "sleep") as target:
        assert "agent" not in attach("doctor", target.pid).stdout
        succeed(target.pid, "start-coverage")
        for command, word in (("status", "it measures"), ("stop-coverage", "stopped")):
            succeed(target.pid, command)
            before = settled_picture(target.pid)
            done = attach("doctor", target.pid)
            assert done.code == 0
            assert done.stdout.startswith("attach would join the agent that is there\n")
            assert word in done.stdout
            assert_untouched(before, target.pid)
        succeed(target.pid, "detach")
        assert attach("doctor", target.pid).stdout.startswith("attach would use ")


@pytest.mark.parametrize("state", ["sleep", "idle_threads", "epoll"])
def test_nobody_is_woken(state: str) -> None:
    """No thread is stopped: one that sleeps does not leave its sleep."""
    with in_state(require_interpreter("3.14"), state) as target:
        settled_picture(target.pid)
        process = Process(target.pid)
        before = {tid: process.context_switches(tid) for tid in process.tids()}
        succeed("-v", "doctor", target.pid)
        assert {tid: process.context_switches(tid) for tid in process.tids()} == before


def test_json_and_text() -> None:
    """The JSON object holds what the text says, and nothing else is on stdout or stderr."""
    with in_state(require_interpreter("3.11"), "finalising") as target:
        text = attach("doctor", "-v", target.pid)
        done = attach("doctor", "--json", target.pid)
        found = json.loads(done.stdout)
        assert (found["schema"], found["pid"], found["works"], found["method"]) == (1, target.pid, False, None)
        assert found["exit_code"] == done.code == text.code == 5
        assert text.stdout.startswith(f"{found['verdict']} [{found['error']['slug']}]\n  {found['error']['hint'][:30]}")
        for finding in found["findings"]:
            assert finding["text"] in text.stdout
        lines = [line for line in text.stdout.splitlines() if line.startswith(("ok ", "!  ", "no "))]
        assert len(lines) == len(found["findings"])
        facts = {finding["about"]: finding["facts"] for finding in found["findings"]}
        assert len(facts) == len(found["findings"])
        assert facts["process"]["threads"] == 1
        assert facts["interpreter"]["version"].startswith("3.11.")
        assert (done.stderr, text.stderr) == ("", "")


def test_the_machine() -> None:
    """Without a PID: the kernel, our rights, and with -v the programs and packages; the same in JSON."""
    text = succeed("doctor", "-v").stdout
    found = json.loads(succeed("doctor", "--json").stdout)
    assert found["works"]
    assert found["pid"] is None
    facts = {finding["about"]: finding["facts"] for finding in found["findings"]}
    assert facts["kernel"]["release"] in text
    assert f"rpyc {facts['packages']['rpyc']}" in text
    assert {"python", "hidden"} == facts["processes"].keys()
    for finding in found["findings"]:
        assert f" {finding['about']} " in text


@on_interpreters("3.11")
def test_a_renamed_and_deleted_executable(interpreter: Interpreter, tmp_path: Path) -> None:
    """What is no `python` by name is told by its symbols, and a deleted executable is no obstacle."""
    server = shutil.copy(interpreter.path, tmp_path / "my-server")
    home = str(interpreter.path.parent.parent)
    program = "import time; print('ready', flush=True); time.sleep(1000)"
    with running([server, "-c", program], ready="^ready$", env={"PYTHONHOME": home}) as target:
        os.unlink(server)
        said = assert_agree(target.pid)
        assert said.code == 0
        assert "embedded in my-server" in said.stdout
        assert "deleted" in attach("doctor", "-v", target.pid).stdout


def test_no_room_for_descriptors() -> None:
    """A program that has all its descriptors open is told before an attach fails of it."""
    with parked() as target:
        assert "descriptors" not in attach("doctor", target.pid).stdout
        opened = len(os.listdir(f"/proc/{target.pid}/fd"))
        resource.prlimit(target.pid, resource.RLIMIT_NOFILE, (opened, 1024))
        assert f"descriptors   {opened} of {opened} are open" in attach("doctor", target.pid).stdout
        assert attach(target.pid, "start-coverage").code != 0


HOSTILE = "\x1b[2J\x1b]0;owned\x07\n\u202e" + "long " * 60


def on_terminal(*arguments: str, columns: int = 80, **variables: str) -> str:
    """What the command writes to a terminal."""
    child = pexpect.spawn(
        ATTACH[0],
        [*ATTACH[1:], *arguments],
        dimensions=(50, columns),
        encoding="utf-8",
        env={**environment(), "TERM": "xterm", **variables},  # type: ignore[arg-type]
        timeout=60,
    )
    child.expect(pexpect.EOF)
    child.close()
    text = child.before
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


@pytest.mark.parametrize("arguments", [[], ["-v"]])
def test_on_a_terminal(arguments: list[str]) -> None:
    """At 80 columns the terminal wraps no line, there are colours unless NO_COLOR, and a hostile name is harmless."""
    program = f"'''{HOSTILE}'''; import time; print('ready', flush=True); time.sleep(1000)"
    command = [require_interpreter("3.11").path, "-c", program]
    with running(command, ready="^ready$") as target:
        text = on_terminal("doctor", *arguments, str(target.pid))
        assert text.startswith("\x1b[")
        plain = re.sub(r"\x1b\[\d+m", "", text)
        assert "\x1b" not in plain
        assert "\u202e" not in plain
        assert max(len(line) for line in plain.splitlines()) <= 80
        assert plain == on_terminal("doctor", *arguments, str(target.pid), NO_COLOR="1")
        texts = [line for line in plain.splitlines()[2:] if line.startswith(("ok ", "!  ", "no "))]
        column = {re.match(r"\S+ +\S+ +", line).end() for line in texts}  # type: ignore[union-attr]
        assert len(column) == 1, "the texts begin in one column"
        listed = on_terminal("ps")
        (line,) = (line for line in listed.splitlines() if line.split()[:1] == [str(target.pid)])
        assert len(line) <= 80
        assert "\x1b" not in listed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["doctor", "soon"], ["soon"]),
        (["4711", "doctor", "4712"], ["4711", "4712"]),
        (["--method", "magic", "doctor"], ["magic"]),
    ],
)
def test_usage(arguments: list[str], words: list[str]) -> None:
    """A command line that makes no sense is exit 2."""
    done = attach(*arguments)
    assert done.code == 2, str(done)
    for word in words:
        assert word in done.stderr


def test_pid_on_either_side() -> None:
    """`attach PID doctor` is the same as `attach doctor PID`."""
    with parked() as target:
        assert attach(target.pid, "doctor").stdout == attach("doctor", target.pid).stdout
