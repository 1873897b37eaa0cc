"""Sources are the target's: read in its root, with its rights, and never instead of them the operator's."""

from __future__ import annotations

import ctypes
import errno
import io
import json
import os
import platform
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attach.process import Process
from attach.report import Owner, Wanted, rights, sources, write
from tests.report.conftest import measurement

SECRET = "PASSWORD = 'of the operator'\n"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can take on another user's rights")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What a target in a container has as its root; the operator's secret lies outside of it."""
    (tmp_path / "secret.py").write_text(SECRET)
    root = tmp_path / "root"
    (root / "app").mkdir(parents=True)
    (root / "app" / "good.py").write_text("GOOD = 1\n")
    return root


def shown(root: str | Path, *paths: str, owner: Owner | None = None) -> dict[str, sources.Source]:
    measured = measurement({path: {1} for path in paths}, root=str(root), owner=owner or Owner(0, 0))
    return sources.read_sources(measured, paths)


@pytest.mark.parametrize(
    "link",
    [
        "{outside}/secret.py",
        "../../secret.py",
        "../../../../../../../../../../../..{outside}/secret.py",
        "/../../..{outside}/secret.py",
        "/proc/self/root{outside}/secret.py",
    ],
)
def test_links_do_not_lead_out_of_the_targets_root(root: Path, tmp_path: Path, link: str) -> None:
    """A symbolic link in the target's file system cannot bring a file of the operator's into a report."""
    target = link.format(outside=tmp_path)
    (root / "app" / "link.py").symlink_to(target)
    (root / "app" / "up").symlink_to(os.path.dirname(target))
    for path in ("/app/link.py", "/app/up/secret.py", "/app/../../secret.py", f"/..{tmp_path}/secret.py"):
        source = shown(root, path)[path]
        assert source.content is None and source.problem, path


def test_links_within_the_targets_root_are_followed(root: Path) -> None:
    """A link is followed as the target follows it, and the file is known by one name, as in coverage."""
    (root / "srv").symlink_to("/app")
    (root / "app" / "other.py").symlink_to("../srv/./good.py")
    found = shown(root, "/srv/good.py", "/app/other.py", "/app/good.py", "/../srv//good.py")
    assert {(source.path, source.content) for source in found.values()} == {("/app/good.py", b"GOOD = 1\n")}


def test_names_of_one_file_are_one_file(project: Path) -> None:
    """Lines recorded under two names of a file are reported together, under its real name."""
    (project / "alias").symlink_to("parts")
    out = io.StringIO()
    lines = {str(project / "alias" / "shapes.py"): {1, 2}, str(project / "parts" / "shapes.py"): {2, 3}}
    result = write(measurement(lines), [Wanted("lcov", "-"), Wanted("data")], out=out)
    assert result.files == 1
    assert [line for line in out.getvalue().splitlines() if line.startswith("SF:")] == ["SF:parts/shapes.py"]
    assert [line for line in out.getvalue().splitlines() if line.endswith(",1") and line < "DA:5"][:2]


def test_loops_and_long_ways_end(root: Path) -> None:
    """A link to itself, or a maze of links, is a file that cannot be read."""
    (root / "app" / "loop.py").symlink_to("loop.py")
    (root / "l0").symlink_to("/app")
    for number in range(1, 60):
        (root / f"l{number}").symlink_to(f"l{number - 1}")
    for path in ("/app/loop.py", "/l59/good.py"):
        assert "links" in shown(root, path)[path].problem
    assert shown(root, "/l20/good.py")["/l20/good.py"].content


class Openat2(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def kernels_answer(root: int, path: str) -> tuple[int, int] | int:
    """Device and inode that openat2(2) finds with RESOLVE_IN_ROOT, or the error number."""
    how = Openat2(os.O_PATH | os.O_CLOEXEC, 0, 0x10)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(437, root, path.encode(), ctypes.byref(how), ctypes.sizeof(how))
    if fd < 0:
        return ctypes.get_errno()
    status = os.fstat(fd)
    os.close(fd)
    return status.st_dev, status.st_ino


def test_paths_are_walked_as_the_kernel_does(root: Path) -> None:
    """For random mazes of folders, links and dots we find what openat2(2) with RESOLVE_IN_ROOT finds."""
    chance = random.Random(4711)
    names = ["a", "b", "c", ".", "..", ""]
    handle = os.open(root, os.O_PATH | os.O_DIRECTORY)
    if kernels_answer(handle, "app") == errno.ENOSYS:
        pytest.skip("openat2 came with Linux 5.6")
    for place in ["", "a", "b", "a/b", "a/b/c", "b/a"]:
        (root / place).mkdir(exist_ok=True)
        for name in ("a", "b", "c", "d"):
            path = root / place / name
            if path.exists() or path.is_symlink() or f"{place}/{name}".strip("/") in ("a", "b", "a/b", "a/b/c", "b/a"):
                continue
            link = "/".join(chance.choice(names) for _ in range(chance.randint(1, 4))) or "."
            (path.write_text("x") if chance.random() < 0.3 else path.symlink_to(chance.choice(["/", "", "../"]) + link))
    answers = set()
    for _ in range(3000):
        path = "/" + "/".join(chance.choice([*names, "d"]) for _ in range(chance.randint(1, 6)))
        expected = kernels_answer(handle, path)
        try:
            fd, real = sources.walk(handle, path)
        except OSError as error:
            found: tuple[int, int] | int = error.errno or 0
        else:
            status = os.fstat(fd)
            os.close(fd)
            found = (status.st_dev, status.st_ino)
            assert kernels_answer(handle, real) == found
        assert found == expected, path
        answers.add(found)
    os.close(handle)
    assert len(answers) > 5


def test_only_regular_files_are_opened(root: Path) -> None:
    """A pipe, socket, device or folder with the name of a source neither blocks nor is opened."""
    os.mkfifo(root / "app" / "pipe.py")
    (root / "app" / "folder.py").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(root / "app", os.O_PATH)
        listener.bind(f"/proc/self/fd/{folder}/socket.py")
        os.close(folder)
        found = shown(root, "/app/pipe.py", "/app/folder.py", "/app/socket.py")
    found |= shown("/", "/dev/null", "/dev/tty")
    assert {source.problem for source in found.values()} == {"not a regular file"}


def test_missing_sources_are_listed(project: Path) -> None:
    """Files that are gone, in an archive or too large are listed with the reason, and the others are reported."""
    (project / "app.pyz").write_bytes(b"PK")
    (project / "large.py").touch()
    os.truncate(project / "large.py", sources.MAX_SOURCE + 1)
    lines = {str(project / name): {1} for name in ("gone.py", "app.pyz/__main__.py", "large.py", "program.py")}
    result = write(measurement(lines), [Wanted("text")], out=io.StringIO())
    reasons = {os.path.basename(file.path): file.reason for file in result.unreported}
    assert set(reasons) == {"gone.py", "__main__.py", "large.py"}
    assert "does not exist" in reasons["gone.py"]
    assert "archive" in reasons["__main__.py"]
    assert "too large" in reasons["large.py"]
    assert result.files == 1


def test_all_sources_together_are_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many large sources do not take the operator's memory: what is over the bound is listed."""
    monkeypatch.setattr(sources, "MAX_SOURCES", 100)
    for number in range(5):
        (root / f"{number}.py").write_text("x" * 30)
    found = shown(root, *(f"/{number}.py" for number in range(5)))
    assert [source.problem[:9] for source in found.values()] == ["", "", "", "too large", "too large"]


def test_an_ended_process_still_gives_its_data(project: Path) -> None:
    """When the process and its root are gone, the data file is still written, and the text says why it is empty."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    measured = measurement({"/app/x.py": {1}}, pid=child.pid, root=f"/proc/{child.pid}/root", started=None)
    result = write(measured, [Wanted("data", "d.cov")], out=io.StringIO())
    assert (project / "d.cov").exists() and "has ended" in result.unreported[0].reason


def test_changed_sources_are_named(project: Path) -> None:
    """A source that was changed after the process started is reported as it is now, and named."""
    path = project / "program.py"
    before = path.stat()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = Process(child.pid).started_at()
        lines = {str(path): {1}, str(project / "parts" / "shapes.py"): {1}}
        measured = measurement(lines, pid=child.pid, started=started)
        assert write(measured, [Wanted("text")], out=io.StringIO()).changed == ()
        os.utime(path, (before.st_atime, started + 1))
        assert write(measured, [Wanted("text")], out=io.StringIO()).changed == (str(path),)
    finally:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        child.communicate(b"\n")


@needs_root
def test_a_target_in_a_chroot(root: Path, tmp_path: Path) -> None:
    """A running process that sees other files than we do is reported with its own, under its own names."""
    (root / "app" / "link.py").symlink_to(tmp_path / "secret.py")
    confine = "import os, sys; os.chroot(sys.argv[1]); os.chdir('/'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", confine, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout and child.stdout.readline()
        lines = {"app/good.py": {1}, "/app/link.py": {1}, f"{tmp_path}/secret.py": {1}}
        measured = measurement(lines, pid=child.pid, root=f"/proc/{child.pid}/root", cwd="/")
        out = io.StringIO()
        result = write(measured, [Wanted("json", "-")], out=out)
        child.communicate()
    assert set(json.loads(out.getvalue())["files"]) == {"/app/good.py"}
    assert len(result.unreported) == 2 and all("does not exist" in file.reason for file in result.unreported)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """A folder that every user can reach, with sources that only some may read."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(0o755)
    (tmp_path / "public.py").write_text("x = 1\n")
    (tmp_path / "secret.py").write_text(SECRET)
    (tmp_path / "secret.py").chmod(0o600)
    (tmp_path / "group.py").write_text("x = 1\n")
    (tmp_path / "group.py").chmod(0o640)
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "inner.py").write_text(SECRET)
    yield tmp_path


@needs_root
def test_root_reads_no_more_than_the_process_may(private: Path) -> None:
    """A process of another user cannot have root put a file into a report that the process itself may not read."""
    os.chown(private / "group.py", 0, 54321)
    names = ["public.py", "secret.py", "group.py", "closed/inner.py"]
    paths = [str(private / name) for name in names]

    def readable(owner: Owner) -> set[str]:
        found = shown("/", *paths, owner=owner)
        assert all("denied" in source.problem for source in found.values() if source.content is None)
        return {os.path.relpath(path, private) for path, source in found.items() if source.content is not None}

    assert readable(Owner(12345, 12345)) == {"public.py"}
    assert readable(Owner(12345, 54321)) == {"public.py", "group.py"}
    assert readable(Owner(12345, 12345, (7, 54321))) == {"public.py", "group.py"}
    assert readable(Owner(0, 0)) == set(names)
    # and we are ourselves again
    assert (private / "secret.py").read_text() == SECRET and os.getgroups() == os.getgroups()


@needs_root
def test_the_rights_are_those_of_the_process(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being told, the rights are looked up; a process that has ended gives what the world may read."""
    monkeypatch.chdir(private)
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=12345, group=54321, extra_groups=[7])
    try:
        assert rights.owner_of(child.pid) == Owner(12345, 54321, (7,))
        lines = {str(private / "public.py"): {1}, str(private / "secret.py"): {1}}
        measured = measurement(lines, pid=child.pid)
        for _ in ("running", "ended"):
            out = io.StringIO()
            result = write(measured, [Wanted("text")], out=out)
            assert result.files == 1 and [file.path for file in result.unreported] == [str(private / "secret.py")]
            if child.poll() is None:
                child.communicate()
    finally:
        child.kill()
        child.wait()


@needs_root
def test_only_one_thread_changes_its_rights() -> None:
    """While sources are read with other rights, every other thread of the operator keeps its own."""

    def seen() -> tuple[str, str]:
        def fields(path: str) -> str:
            with open(path, encoding="ascii") as file:
                return "".join(line for line in file if line.startswith(("Uid", "Gid", "Groups")))

        return fields("/proc/thread-self/status"), fields(f"/proc/self/task/{os.getpid()}/status")

    before = seen()
    theirs, ours = rights.with_rights_of(Owner(12345, 54321, (7,)), seen)
    assert ours == before[1] == seen()[0]
    assert "12345" in theirs and "54321" in theirs and theirs.splitlines()[2].split()[1:] == ["7"]


@needs_root
def test_rights_that_cannot_be_given_up_are_not_used(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine whose system calls we do not know, nothing is read with root's rights."""
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    path = str(private / "public.py")
    source = shown("/", path, owner=Owner(12345, 12345))[path]
    assert source.content is None and "cannot be taken on" in source.problem
