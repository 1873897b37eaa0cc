"""Targets in containers, made of bare namespaces: got into from outside, and nothing outside of them is touched."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from attach.errors import InjectionError, MethodUnavailable
from attach.inject import ptrace
from attach.inject.staging import NoPlace, StagedScript
from attach.process import Process
from tests.inject.support import TARGETS, assert_nothing_left, in_state, inject_test_source, is_waiting
from tests.support.containers import Contained, Container, contained
from tests.support.interpreters import Interpreter, from_version, on_interpreters
from tests.support.picture import assert_untouched, picture
from tests.support.processes import running, wait_until

EVERYTHING = ("mnt", "pid", "net", "user", "uts", "cgroup", "time", "ipc")
SHIFTED = (0, 100_000, 65_536)
NOWHERE = {"/tmp": "missing", "/var/tmp": "missing", "/dev/shm": "missing"}
STATES = TARGETS / "states.py"
TRIES = 300
#: Exchanges two names for ever.
SWAPS = """
import ctypes, os, sys
names = [os.fsencode(name) for name in sys.argv[1:]]
swap = ctypes.CDLL(None).renameat2
print("ready", flush=True)
while True:
    assert swap(-100, names[0], -100, names[1], 2) == 0  # AT_FDCWD, RENAME_EXCHANGE
"""

KINDS = {
    "mount": Container(("mnt",), own_root=True),
    "pid": Container(("pid",), own_root=True, init=True),
    "PID 1": Container(("pid",), own_root=True),
    "nested pid": Container(("pid",), own_root=True, nested=2),
    "net": Container(("net",), own_root=True),
    "uts, cgroup, ipc": Container(("uts", "cgroup", "ipc"), own_root=True),
    "time": Container(("time",), own_root=True),
    "user, mapped to itself": Container(("user",), own_root=True),
    "user, mapped to others": Container(("user", "mnt"), own_root=True, mapping=SHIFTED),
    "user, an ordinary one": Container(("user", "mnt", "pid"), own_root=True, mapping=SHIFTED, uid=1000),
    "user in user": Container(("user", "pid"), own_root=True, outer_user=True),
    "everything": Container(EVERYTHING, own_root=True, mapping=SHIFTED),
    "rootless": Container(EVERYTHING, own_root=True, creator=1000, mapping=(0, 1000, 1)),
    "read-only": Container(("mnt",), own_root=True, read_only=True),
    "chroot": Container(own_root=True, chroot=True),
    "chroot without /proc": Container(own_root=True, chroot=True, proc=False),
    "another user": Container(("mnt",), own_root=True, uid=1000),
    "/tmp noexec": Container(("mnt",), own_root=True, temporary={"/tmp": "noexec"}),
    "/tmp missing": Container(("mnt",), own_root=True, temporary={**NOWHERE, "/dev/shm": "plain"}),
}


def scripts(container: Contained) -> list[str]:
    """What of PEP 768's scripts is in the target's file system."""
    found = []
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        found += [str(path) for path in container.path(place).glob(".live-attach-*")]
    return found


def assert_entered(container: Contained, method: str) -> None:
    """The method gets in, nothing is left, and the program waits on until SIGUSR1 ends it."""
    pid = container.pid
    wait_until(lambda: is_waiting(pid), "the program to wait")
    before = picture(pid)
    assert inject_test_source(pid, method=method).method == ("ptrace" if method == "auto" else method)
    assert_nothing_left(before, pid)
    assert scripts(container) == []
    wait_until(lambda: is_waiting(pid), "the program to wait again")
    os.kill(pid, signal.SIGUSR1)
    assert container.target.wait_for_end() == 0


@pytest.mark.parametrize("kind", KINDS)
@on_interpreters("3.11", "3.14")
def test_containers_are_entered(interpreter: Interpreter, kind: str) -> None:
    """Each method gets into each kind of container, and leaves nothing there."""
    for method in ("auto", "remote-exec") if interpreter.version >= (3, 14) else ("ptrace",):
        with contained(KINDS[kind], interpreter, STATES, "sleep") as container:
            assert_entered(container, method)


@pytest.mark.parametrize("state", ["busy", "busy_threads", "idle_threads"])
@on_interpreters("3.9", "3.15")
def test_busy_containers_are_entered(interpreter: Interpreter, state: str) -> None:
    """A program that computes, or has many threads, in namespaces of every kind."""
    with contained(KINDS["everything"], interpreter, STATES, state) as container:
        before = picture(container.pid)
        inject_test_source(container.pid)
        assert_nothing_left(before, container.pid)
        assert scripts(container) == []


@from_version("3.14")
def test_no_place_for_a_script(interpreter: Interpreter) -> None:
    """Without any directory for temporary files PEP 768 is refused, nothing is written, and ptrace gets in."""
    kind = Container(("mnt",), own_root=True, temporary=NOWHERE)
    with contained(kind, interpreter, STATES, "sleep") as container:
        before = picture(container.pid)
        with pytest.raises(MethodUnavailable):
            inject_test_source(container.pid, method="remote-exec")
        assert_untouched(before, container.pid)
        inject_test_source(container.pid)


@pytest.mark.parametrize("method", ["ptrace", "remote-exec"])
@on_interpreters("3.14")
def test_ids_of_another_namespace(interpreter: Interpreter, method: str) -> None:
    """Where threads of the target have, in their namespace, the ids of a bystander's, nobody touches the bystander."""
    with in_state(interpreter, "idle_threads") as bystander:
        before = picture(bystander.pid)
        its_tids = set(Process(bystander.pid).tids())
        kind = Container(("pid",), own_root=True, init=True, last_pid=bystander.pid - 1)
        with contained(kind, interpreter, STATES, "idle_threads") as container:
            target = Process(container.pid)
            inner = target.tids_by_inner_id()
            assert target.inner_pid == bystander.pid
            assert inner.keys() & its_tids  # its main thread at least: threads of others may have come in between
            switches = {tid: Process(bystander.pid).context_switches(tid) for tid in its_tids}
            touched = set()
            real = ptrace._request

            def recording(number: int, tid: int, address: int = 0, data: int = 0) -> None:
                touched.add(tid)
                real(number, tid, address, data)

            with patch.object(ptrace, "_request", recording):
                inject_test_source(container.pid, method=method)
            assert touched and touched <= set(inner.values())
            assert switches == {tid: Process(bystander.pid).context_switches(tid) for tid in its_tids}
            assert_untouched(before, bystander.pid)


# ---- the script of PEP 768 stays within the target's root ----


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory of ours; nothing may ever be made in it, not for a moment."""
    folder = tmp_path / "outside"
    folder.mkdir()
    folder.chmod(0o777)
    before = folder.stat().st_mtime_ns
    yield folder
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mtime_ns == before


@on_interpreters("3.14")
def test_links_lead_nowhere(interpreter: Interpreter, outside: Path) -> None:
    """Where all directories for temporary files are links to one of ours, no script is written."""
    links = {"/tmp": f"->{outside}", "/var/tmp": f"->/proc/1/root{outside}", "/dev/shm": f"->../../../../..{outside}"}
    with contained(Container(("mnt",), own_root=True, temporary=links), interpreter, STATES, "sleep") as container:
        with pytest.raises(MethodUnavailable):
            inject_test_source(container.pid, method="remote-exec")
        inject_test_source(container.pid)


@on_interpreters("3.14")
def test_links_that_come_and_go(interpreter: Interpreter, outside: Path) -> None:
    """While /tmp is a directory now and a link to one of ours then, scripts go where they belong or nowhere."""
    kind = Container(("mnt",), own_root=True, temporary={**NOWHERE, "/swapped": f"->{outside}"})
    with contained(kind, interpreter, STATES, "busy") as container:
        container.path("/tmp").mkdir()
        names = [str(container.path(name)) for name in ("/tmp", "/swapped")]
        written = 0
        with running([sys.executable, "-c", SWAPS, *names], ready="^ready$"):
            for _ in range(TRIES):
                try:
                    script = StagedScript(Process(container.pid))
                except NoPlace:
                    continue
                script.write("pass", 1.0)
                written += 1
                script.remove()
            with contextlib.suppress(MethodUnavailable, InjectionError):
                inject_test_source(container.pid, method="remote-exec", timeout=1)
        assert 0 < written < TRIES
        assert [path for name in ("/tmp", "/swapped") for path in container.path(name).glob(".live*")] == []


@on_interpreters("3.14")
def test_a_directory_in_place_of_ours(interpreter: Interpreter) -> None:
    """A directory of root's that a hostile target puts where we have just made ours is not given away."""
    kind = Container(("mnt",), own_root=True, uid=1000, temporary={**NOWHERE, "/tmp": "plain"})
    with contained(kind, interpreter, STATES, "sleep") as container:
        precious = container.path("/tmp/precious")
        precious.mkdir()
        (precious / "file").touch()
        real = os.mkdir

        def swapping(name: str, mode: int, *, dir_fd: int) -> None:
            real(name, mode, dir_fd=dir_fd)
            os.rename(name, "ours", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
            os.rename("precious", name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)

        with patch.object(os, "mkdir", swapping), pytest.raises(NoPlace):
            StagedScript(Process(container.pid))
        (precious,) = (file.parent for file in container.path("/tmp").glob(".live-attach-*/file"))
        assert precious.stat().st_uid == 0
        assert [file.name for file in precious.iterdir()] == ["file"]
