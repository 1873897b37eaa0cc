"""After detach the process is as before, however often and from wherever it is attached."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from attach import Session, attach
from attach.errors import AttachError, NotAttached
from tests.support import servers
from tests.support.command import started, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import Target, running, wait_until


@pytest.fixture
def busy(interpreter: Interpreter, tmp_path: Path) -> Iterator[Target]:
    """Two threads that do nothing but run Python: no system call to borrow a thread from."""
    counters = tmp_path / "counters"
    counters.write_bytes(bytes(4096))
    with running([interpreter.path, TARGETS / "counting.py", counters], ready="^ready$") as target:
        yield target


def test_over_and_over(busy: Target) -> None:
    """A busy process is attached to, measured and left ten times, and is afterwards as before the first."""
    before = settled_picture(busy.pid)
    for _ in range(10):
        with attach(busy.pid) as session:
            session.coverage.start()
            wait_until(lambda: session.coverage.snapshot().lines, "lines")
            session.detach()
        assert_untouched(before, busy.pid, ignoring=("mapped_files",))


def test_agent_stays_between_commands(loop: Target) -> None:
    """What one command starts goes on after it, and the next one joins the same agent."""
    succeed(loop.pid, "start-coverage")
    first = Session.join(loop.pid)
    threads = first.status()["threads"]
    first.close()
    assert "measuring" in succeed(loop.pid, "status").stdout
    with attach(loop.pid) as session:
        assert not session.injected
        assert set(threads) & set(session.status()["threads"])
    succeed(loop.pid, "detach")


@on_interpreters("3.8", "3.12", "3.14")
def test_two_operators(loop: Target) -> None:
    """Several operators are served side by side; when one detaches, the others hear of it and nothing stays."""
    before = settled_picture(loop.pid)
    sessions = [attach(loop.pid) for _ in range(4)]
    sessions[0].coverage.start()
    servers.drive_loop(loop)
    found = []
    readers = [threading.Thread(target=lambda s=s: found.append(s.coverage.snapshot().lines)) for s in sessions]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(found) == 4
    assert all(str(servers.LOOP) in lines for lines in found)
    sessions[1].detach()
    with pytest.raises(AttachError):
        sessions[2].status()
    with pytest.raises(NotAttached):
        Session.join(loop.pid)
    for session in sessions:
        session.close()
    assert_untouched(before, loop.pid, ignoring=("mapped_files",))


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_operators_race(loop: Target) -> None:
    """Two commands that attach at the same moment end with one agent, and both work or say what the other did."""
    before = settled_picture(loop.pid)
    for _ in range(5):
        with started(loop.pid, "start-coverage") as one, started(loop.pid, "start-coverage") as other:
            answers = [process.communicate(timeout=60) for process in (one, other)]
            codes = sorted(process.returncode for process in (one, other))
        assert codes == [0, 6], answers
        marks = [name for name in descriptors(loop.pid) if "live-attach:" in name]
        assert len(marks) == 1
        succeed(loop.pid, "detach")
    assert_untouched(before, loop.pid, ignoring=("mapped_files",))


def descriptors(pid: int) -> list[str]:
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            continue
    return found


FORKING = """
import os, sys, time
print("ready", flush=True)
sys.stdin.readline()
pid = os.fork()
if pid:
    print("child", pid, flush=True)
    while True:
        time.sleep(0.01)
def work():
    return 6 * 7
while True:
    work()
    time.sleep(0.01)
"""


@on_interpreters("3.8", "3.11", "3.12", "3.14")
def test_forked_child(interpreter: Interpreter, tmp_path: Path) -> None:
    """A child forked under measurement runs on, is not taken for its parent, and can be attached to by itself."""
    program = tmp_path / "forking.py"
    program.write_text(FORKING)
    parent = subprocess.Popen(
        [interpreter.path, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    child = 0
    try:
        assert parent.stdout.readline() == "ready\n"
        succeed(parent.pid, "start-coverage")
        parent.stdin.write("fork\n")
        child = int(parent.stdout.readline().split()[1])
        assert "not attached" in succeed(child, "status").stdout
        succeed(child, "start-coverage")
        succeed(child, "detach")
        succeed(parent.pid, "detach")
        assert not any("live-attach" in name for pid in (parent.pid, child) for name in descriptors(pid))
    finally:
        if child:
            os.kill(child, 9)
        parent.kill()
        parent.communicate()
