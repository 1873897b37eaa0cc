"""Where the tracer for a target's Python comes from."""

import hashlib
import os
import platform
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from attach.channel import tracers
from attach.errors import TracerUnavailable

VERSION = (3, 9)
MACHINE = platform.machine()
LIBRARY = b"\x7fELF\x02\x01" + bytes(12) + {"x86_64": b"\x3e\0", "aarch64": b"\xb7\0"}.get(MACHINE, b"??") + bytes(80)
NAME = "coverage/tracer.cpython-39-x86_64-linux-gnu.so"


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
    release, abi = tracers.COVERAGE[version], f"cp{version[0]}{version[1]}"
    tag = f"{abi}-{abi}-manylinux2014_{machine}"
    info = f"coverage-{release}.dist-info"
    with zipfile.ZipFile(index / f"coverage-{release}-{tag}.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: coverage\nVersion: {release}\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
        for name, content in members.items():
            archive.writestr(name, content)


def test_downloaded_once(index: Path, cache: Path) -> None:
    """What pip has brought stays in the cache, readable for its owner alone, and is not asked for again."""
    put_wheel(index, {NAME: LIBRARY, "coverage/__init__.py": b""})
    said: list[str] = []
    assert tracers.find(VERSION, log=said.append) == LIBRARY
    for wheel in index.iterdir():
        wheel.unlink()
    assert tracers.find(VERSION, log=said.append) == LIBRARY
    assert "downloading" in said[0] and str(cache) in said[1]
    assert {stat.S_IMODE(path.stat().st_mode) for path in cache.iterdir()} == {0o600}


def test_unreachable_index(cache: Path) -> None:
    """Without a package index the error has pip's last words and says what to do."""
    with pytest.raises(TracerUnavailable, match="pip says: ERROR") as failed:
        tracers.find(VERSION)
    assert "index" in failed.value.hint
    assert not cache.exists()


def test_damaged_cache_is_not_used(index: Path, cache: Path) -> None:
    """A file whose digest is not the recorded one, or that has none, is fetched again."""
    put_wheel(index, {NAME: LIBRARY})
    path = tracers.fetch(VERSION)
    path.write_bytes(LIBRARY[:-1] + b"!")
    assert tracers.find(VERSION) == LIBRARY
    path.with_suffix(".sha256").unlink()
    path.write_bytes(LIBRARY[:-1] + b"?")
    assert tracers.find(VERSION) == LIBRARY


def forge() -> tuple[Path, bytes]:
    """The cached tracer replaced by another, with its digest."""
    path = tracers.fetch(VERSION)
    forged = LIBRARY + b"forged"
    path.write_bytes(forged)
    path.with_suffix(".sha256").write_text(hashlib.sha256(forged).hexdigest() + "\n")
    return path, forged


@pytest.mark.parametrize("mode", [0o622, 0o602, 0o620])
def test_cache_that_others_can_write_is_not_used(index: Path, mode: int) -> None:
    """What another user could have put there is not loaded into a process."""
    put_wheel(index, {NAME: LIBRARY})
    path, forged = forge()
    assert tracers.find(VERSION) == forged
    path.chmod(mode)
    assert tracers.find(VERSION) == LIBRARY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_cache_of_another_user_is_not_used(index: Path, cache: Path) -> None:
    """With sudo, the cache of the calling user is neither read nor written."""
    put_wheel(index, {NAME: LIBRARY})
    path, forged = forge()
    os.chown(cache, 12345, 12345)
    assert tracers.find(VERSION) == LIBRARY
    assert path.read_bytes() == forged
    with pytest.raises(TracerUnavailable, match="somebody else"):
        tracers.fetch(VERSION)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "no tracer"),
        ({"coverage/tracer.cpython-38-x86_64-linux-gnu.so": LIBRARY}, "no tracer"),
        ({NAME: LIBRARY, NAME.replace("x86_64", "i686"): LIBRARY}, "no tracer"),
        ({NAME: b"\x7fELF" + bytes(100)}, "another machine"),
        ({NAME: LIBRARY + bytes(tracers._LARGEST_TRACER)}, "no tracer"),
    ],
)
def test_strange_wheels(index: Path, cache: Path, members: dict[str, bytes], reason: str) -> None:
    """A wheel that does not hold exactly one tracer for the target is refused, and nothing is kept."""
    put_wheel(index, members)
    with pytest.raises(TracerUnavailable, match=reason):
        tracers.find(VERSION)
    assert not cache.exists()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_wheel_of_the_machine_is_taken(index: Path, machine: str) -> None:
    """Of the wheels for several machines the target's is taken."""
    libraries = {}
    for other, number in (("x86_64", b"\x3e\0"), ("aarch64", b"\xb7\0")):
        libraries[other] = LIBRARY[:18] + number + LIBRARY[20:]
        put_wheel(index, {NAME.replace("x86_64", other): libraries[other]}, machine=other)
    assert tracers.find(VERSION, machine=machine) == libraries[machine]


def test_no_tracer_for_that() -> None:
    """For versions and machines that have none the error says so at once."""
    for version, machine in (((3, 12), MACHINE), (VERSION, "s390x")):
        with pytest.raises(TracerUnavailable, match="there is none"):
            tracers.find(version, machine=machine)


@pytest.mark.skipif(sys.version_info[:2] not in tracers.COVERAGE, reason="this Python needs no tracer")
def test_own_coverage_comes_first() -> None:
    """A target of our own version gets the tracer of the coverage.py that is installed here."""
    found = tracers.find(sys.version_info[:2])
    assert found[:4] == b"\x7fELF" and b"PyInit_tracer" in found
