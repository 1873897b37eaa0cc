"""The target's own interpreter, run without giving the target anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from attach.report import confined
from attach.report.workers import Worker, WorkerFailed
from tests.support.containers import Container, contained
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import running, wait_until

SLEEPING = "import time; print('ready', flush=True); time.sleep(100)"
#: What a hostile interpreter might do; it answers with the errors it met.
ATTEMPTS = """
import ctypes, json, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
met = {}

def attempt(name, action):
    try:
        action()
        met[name] = "done"
    except (OSError, MemoryError) as error:
        met[name] = type(error).__name__

def call(*arguments):
    if libc.syscall(*map(ctypes.c_long, arguments)) == -1:
        raise OSError(ctypes.get_errno(), "")

attempt("write", lambda: open(sys.argv[0] if os.path.exists(sys.argv[0]) else "/dev/null", "r+b"))
attempt("create", lambda: open("/tmp/made", "w"))
attempt("fork", os.fork)
attempt("signal", lambda: os.kill(os.getppid() or 1, 0))
attempt("socket", socket.socket)
attempt("unlink", lambda: os.unlink("/nothing"))
attempt("setuid", lambda: os.setuid(0))
attempt("limits of others", lambda: call(302 if os.uname().machine == "x86_64" else 261, os.getppid(), 7, 0, 0))
attempt("x32", lambda: call(0x40000000 | 39))
attempt("read", lambda: open(os.__file__).close())
attempt("memory", lambda: bytearray(3 << 30))
data = json.dumps(met).encode()
sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
sys.stdout.buffer.flush()
sys.stdin.buffer.read()
"""


def run(worker: Worker, program: str) -> Any:
    """What a program answers when it is run in place of the analysis."""
    worker.send(b"%d\n" % len(program) + program.encode())
    return json.loads(worker.receive(20))


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def assert_confined(pid: int, worker: Worker) -> None:
    """It has the target's users, no capability, nothing of ours but its socket, and can only compute."""
    theirs, found = status(pid), status(worker.pid)
    filesystem = theirs["Uid"].split()[3], theirs["Gid"].split()[3]
    assert {*found["Uid"].split()} == {filesystem[0]} and {*found["Gid"].split()} == {filesystem[1]}
    assert found["Groups"].split() == theirs["Groups"].split()
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert os.geteuid() != 0 or found["CapBnd"] == "0" * 16
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert os.stat(f"/proc/{worker.pid}/root").st_ino == os.stat(f"/proc/{pid}/root").st_ino
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) >= 10
    # once it has read its own libraries
    wait_until(lambda: sorted(os.listdir(f"/proc/{worker.pid}/fd")) == ["0", "1", "2"], "no other descriptor")
    met = run(worker, ATTEMPTS)
    assert met.pop("read") == "done"
    assert met.pop("memory") == "MemoryError"
    assert set(met.values()) == {"PermissionError"}, met


def test_in_the_same_place(interpreter: Interpreter) -> None:
    """On every version the interpreter starts, and whatever it tries, it can open files for reading and no more."""
    inherited = os.open("/", os.O_PATH)
    os.set_inheritable(inherited, True)
    try:
        with (
            running([str(interpreter.path), "-c", SLEEPING], ready="ready") as target,
            confined.spawned(target.pid) as worker,
        ):
            assert_confined(target.pid, worker)
    finally:
        os.close(inherited)


@pytest.mark.skipif(os.geteuid() != 0, reason="enters the namespaces of others")
@pytest.mark.parametrize(
    "kind",
    [
        Container(own_root=True, chroot=True),
        Container(("mnt", "pid", "net"), own_root=True),
        Container(("mnt", "pid", "user"), own_root=True, mapping=(0, 100_000, 65_536), uid=1000),
    ],
    ids=["chroot", "mnt", "other user"],
)
@on_interpreters("3.8", "3.14")
def test_in_a_container(interpreter: Interpreter, kind: Container) -> None:
    """In a container the interpreter is the container's, in its file system, as its user."""
    with contained(kind, interpreter, TARGETS / "steps.py") as container, confined.spawned(container.pid) as worker:
        assert_confined(container.pid, worker)


def test_a_closed_worker_is_gone() -> None:
    """A worker that is closed has ended, whatever it does."""
    with running([sys.executable, "-c", SLEEPING], ready="ready") as target:
        worker = confined.spawned(target.pid)
        assert os.path.exists(f"/proc/{worker.pid}")
        worker.close()
        assert not os.path.exists(f"/proc/{worker.pid}")


def test_other_programs_are_not_run(tmp_path: Path) -> None:
    """A program that is no interpreter by its name is not started a second time."""
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            with pytest.raises(WorkerFailed, match="sleep, is not an interpreter"):
                confined.spawned(child.pid)
        finally:
            child.kill()


def test_a_label_that_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a security module confines the target and not us, its interpreter is not run."""
    monkeypatch.setattr(confined, "_label", lambda pid: b"ours" if pid == os.getpid() else b"theirs")
    with (
        running([sys.executable, "-c", SLEEPING], ready="ready") as target,
        pytest.raises(WorkerFailed, match="security module"),
    ):
        confined.spawned(target.pid)


def test_an_ended_process() -> None:
    """A process that has ended has no interpreter."""
    with subprocess.Popen(["true"]) as child:
        pass
    with pytest.raises(WorkerFailed, match="ended"):
        confined.spawned(child.pid)
