"""The picture of a process shows each kind of trace that an attach could leave."""

import sys
from pathlib import Path

import pytest

from tests.support import servers
from tests.support.picture import Picture, assert_untouched, differences, settled_picture
from tests.support.processes import Target, running

# Makes a change when the file `change` appears in its folder, and undoes it when `undo` does.
PROGRAM = """
import mmap, os, signal, threading, time
def until(name):
    while not os.path.exists(name):
        time.sleep(0.01)
print("ready", flush=True)
until("change")
{change}
print("changed", flush=True)
until("undo")
{undo}
until("end")
"""

CHANGES = {
    "descriptor": ("fd = os.dup(0)", "os.close(fd)", "descriptors: + 3 -> /dev/null"),
    "thread": (
        "done = threading.Event(); thread = threading.Thread(target=done.wait); thread.start()",
        "done.set(); thread.join()",
        "threads: + python",
    ),
    "signal handler": (
        "signal.signal(signal.SIGALRM, print)",
        "signal.signal(signal.SIGALRM, signal.SIG_DFL)",
        "signals: + SigCgt 0000000000002002",
    ),
    "blocked signal": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])",
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])",
        "threads: + python",
    ),
    "executable memory": (
        "area = mmap.mmap(-1, 8192, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_EXEC)",
        "area.close()",
        "executable_memory: + r-xp 8192 bytes",
    ),
    "mapped file": (
        "with open('mapped') as file: area = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)",
        "area.close()",
        "mapped_files: + ",
    ),
    "child": (
        "pid = os.fork() or signal.pause()",
        "os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)",
        "children: + ",
    ),
}


@pytest.mark.parametrize(("change", "undo", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_shows_until_it_is_undone(tmp_path: Path, change: str, undo: str, expected: str) -> None:
    """What a process gains is named as a difference, and no longer when it is gone."""
    (tmp_path / "mapped").write_text("some bytes")
    source = PROGRAM.format(change=change, undo=undo)
    with running([sys.executable, "-c", source], cwd=tmp_path, ready="^ready$") as target:
        before = settled_picture(target.pid)
        (tmp_path / "change").touch()
        target.wait_for("^changed$")
        lines = differences(before, settled_picture(target.pid))
        assert any(line.startswith(expected) for line in lines), lines
        with pytest.raises(AssertionError, match="is not as it was") as failure:
            assert_untouched(before, target.pid, timeout=0)
        assert expected in str(failure.value)
        (tmp_path / "undo").touch()
        assert_untouched(before, target.pid)


def test_a_field_can_be_left_out(tmp_path: Path) -> None:
    """A field that is ignored gives no difference; any other does."""
    source = PROGRAM.format(change="os.dup(0)", undo="")
    with running([sys.executable, "-c", source], cwd=tmp_path, ready="^ready$") as target:
        before = settled_picture(target.pid)
        (tmp_path / "change").touch()
        target.wait_for("^changed$")
        after: Picture = settled_picture(target.pid)
    assert differences(before, after, ignoring=["descriptors"]) == []
    assert differences(before, after, ignoring=["threads"]) == ["descriptors: + 3 -> /dev/null"]


def test_a_driven_server_keeps_its_picture(flask_server: Target) -> None:
    """Requests alone change neither the picture of a warm server nor what it sees of itself."""
    (worker,) = flask_server.children()

    def look() -> dict[str, object]:
        servers.drive_flask(flask_server.port)
        return servers.interior(flask_server.port)

    warm = look()
    before = settled_picture(worker)
    assert look() == warm
    assert_untouched(before, worker)


def test_a_driven_asgi_server_keeps_its_picture(asgi_server: Target) -> None:
    """Requests alone change neither the picture of a warm server nor what it sees of itself."""
    servers.drive_asgi(asgi_server.port)
    warm = servers.interior(asgi_server.port)
    before = settled_picture(asgi_server.pid)
    servers.drive_asgi(asgi_server.port)
    assert servers.interior(asgi_server.port) == warm
    assert_untouched(before, asgi_server.pid)
