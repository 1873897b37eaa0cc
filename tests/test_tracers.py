"""Where the tracer for a target's Python comes from."""

import errno
import hashlib
import os
import platform
import stat
import sys
import venv
import zipfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from attach import tracers
from attach.errors import TracerUnavailable
from attach.tracers import builds, download
from attach.wheels import release

VERSION = (3, 9)
MACHINE = platform.machine()
LIBRARY = b"\x7fELF\x02\x01" + bytes(12) + {"x86_64": b"\x3e\0", "aarch64": b"\xb7\0"}.get(MACHINE, b"??") + bytes(80)
NAME = "coverage/tracer.cpython-39-x86_64-linux-gnu.so"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """`LIBRARY` is the tracer that we know."""
    digest = hashlib.sha256(LIBRARY).hexdigest()
    monkeypatch.setitem(builds.DIGESTS, (VERSION, "glibc", MACHINE), digest)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no package index that could be reached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "live-attach" / "tracers"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes wheels from."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def put_wheel(
    index: Path, members: dict[str, bytes], version: tuple[int, int] = VERSION, machine: str = MACHINE
) -> None:
    """A coverage wheel with these files."""
    number, abi = release(version), f"cp{version[0]}{version[1]}"
    tag = f"{abi}-{abi}-manylinux2014_{machine}"
    info = f"coverage-{number}.dist-info"
    with zipfile.ZipFile(index / f"coverage-{number}-{tag}.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: coverage\nVersion: {number}\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
        for name, content in members.items():
            archive.writestr(name, content)


def test_downloaded_once(index: Path, cache: Path) -> None:
    """What pip has brought stays in the cache, readable for its owner alone, and is not asked for again."""
    put_wheel(index, {NAME: LIBRARY, "coverage/__init__.py": b""})
    said: list[str] = []
    shown: list[str] = []

    def working(text: str) -> AbstractContextManager[None]:
        shown.append(text)
        return nullcontext()

    assert tracers.find(VERSION, log=said.append, working=working) == LIBRARY
    for wheel in index.iterdir():
        wheel.unlink()
    assert tracers.find(VERSION, log=said.append, working=working) == LIBRARY
    assert shown == ["Fetching coverage.py 7.10.7's tracer for Python 3.9"]
    assert [str(cache) in line for line in said] == [True]
    assert {stat.S_IMODE(path.stat().st_mode) for path in cache.iterdir()} == {0o600}


def test_unreachable_index(cache: Path) -> None:
    """Without a package index the error says what to do."""
    with pytest.raises(TracerUnavailable, match="does not have it") as failed:
        tracers.find(VERSION)
    assert "PIP_INDEX_URL" in failed.value.hint
    assert not cache.exists()


def test_index_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that cannot be reached is told from one that has nothing."""
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the port of the discard service
    with pytest.raises(TracerUnavailable, match="cannot be reached"):
        tracers.find(VERSION)


def test_no_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where attach runs without pip the error names the command that brings it."""
    venv.create(tmp_path / "venv", with_pip=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    with pytest.raises(TracerUnavailable, match="has no pip") as failed:
        tracers.find(VERSION)
    assert "-m ensurepip" in failed.value.hint


def test_no_space() -> None:
    """A full disk is told in pip's words and in ours, and the error says where else to go."""
    wanted = builds.build(VERSION)
    pips = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
    ours = OSError(errno.ENOSPC, "No space left on device")
    for error in (download._explained(wanted, pips), download.unavailable(wanted, ours)):
        assert "no space left" in error.message and "TMPDIR" in error.hint


def test_cache_that_cannot_be_written(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a tracer is used without being kept; fetched ahead of time, it is an error that names another way."""
    put_wheel(index, {NAME: LIBRARY})
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    said: list[str] = []
    assert tracers.find(VERSION, log=said.append) == LIBRARY
    assert "not kept" in said[-1]
    with pytest.raises(TracerUnavailable, match="cannot be kept") as failed:
        tracers.fetch(VERSION)
    assert "XDG_CACHE_HOME" in failed.value.hint


def test_only_the_tracer_itself_is_taken(index: Path, cache: Path) -> None:
    """Neither the index nor who can write to the cache decides what is loaded: every byte has to be as released."""
    forged = LIBRARY[:-1] + b"!"
    put_wheel(index, {NAME: forged})
    with pytest.raises(TracerUnavailable, match="another coverage"):
        tracers.find(VERSION)
    assert not cache.exists()
    put_wheel(index, {NAME: LIBRARY})
    path = tracers.fetch(VERSION)
    path.write_bytes(forged)
    assert not tracers.cached_builds()
    assert tracers.find(VERSION) == path.read_bytes() == LIBRARY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_cache_of_another_user_is_not_written(index: Path, cache: Path) -> None:
    """With sudo, the cache of the calling user is read, since the tracer is known, but never written."""
    put_wheel(index, {NAME: LIBRARY})
    path = tracers.fetch(VERSION)
    os.chown(cache, 12345, 12345)
    os.chown(path, 12345, 12345)
    assert tracers.available(VERSION) == str(path)
    with pytest.raises(TracerUnavailable, match="somebody else"):
        tracers.fetch(VERSION)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "no tracer"),
        ({"coverage/tracer.cpython-38-x86_64-linux-gnu.so": LIBRARY}, "no tracer"),
        ({NAME: LIBRARY, NAME.replace("x86_64", "i686"): LIBRARY}, "no tracer"),
        ({NAME: LIBRARY + bytes(download.LARGEST_TRACER)}, "no tracer"),
    ],
)
def test_strange_wheels(index: Path, cache: Path, members: dict[str, bytes], reason: str) -> None:
    """A wheel that does not hold exactly one tracer for the target is refused, and nothing is kept."""
    put_wheel(index, members)
    with pytest.raises(TracerUnavailable, match=reason):
        tracers.find(VERSION)
    assert not cache.exists()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_wheel_of_the_machine_is_taken(index: Path, monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    """Of the wheels for several machines the target's is taken."""
    libraries = {}
    for other, number in (("x86_64", b"\x3e\0"), ("aarch64", b"\xb7\0")):
        libraries[other] = LIBRARY[:18] + number + LIBRARY[20:]
        digest = hashlib.sha256(libraries[other]).hexdigest()
        monkeypatch.setitem(builds.DIGESTS, (VERSION, "glibc", other), digest)
        put_wheel(index, {NAME.replace("x86_64", other): libraries[other]}, machine=other)
    assert tracers.find(VERSION, machine=machine) == libraries[machine]


def test_no_tracer_for_that() -> None:
    """For versions and machines that have none the error says so at once."""
    for version, machine in (((3, 7), MACHINE), (VERSION, "s390x")):
        with pytest.raises(TracerUnavailable, match="there is none"):
            tracers.find(version, machine=machine)


def test_own_coverage_comes_first() -> None:
    """A target of our own version gets the tracer of the coverage.py that is installed here."""
    found = tracers.find(sys.version_info[:2])
    assert found[:4] == b"\x7fELF" and b"PyInit_tracer" in found
