"""Finds coverage.py's compiled tracer for a target's version of Python (3.8 - 3.11).

The agent loads it inside the target (``attach_agent.coverage.library``), so it must be made for the target's minor
version, machine and C library. Where it comes from, first found wins: the operator's own coverage.py, the cache, a
wheel that ``pip`` downloads. A tracer becomes code in a process that may belong to root: so the cache is used only
while nobody else could have written it.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import platform
import re
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from attach.errors import TracerUnavailable

#: The newest coverage.py with wheels for that version of Python.
COVERAGE = {(3, 8): "7.6.1", (3, 9): "7.10.7", (3, 10): "7.16.2"} | {(3, minor): "7.17.3" for minor in range(11, 16)}

#: Platform tags (PEP 600, PEP 656) that a process of this C library can load, most wanted first.
PLATFORMS = {
    "glibc": ("manylinux_2_17", "manylinux2014", "manylinux_2_28", "manylinux_2_5", "manylinux1"),
    "musl": ("musllinux_1_2", "musllinux_1_1"),
}

#: e_machine of elf(5).
_ELF_MACHINES = {"x86_64": 62, "aarch64": 183}

_LARGEST_WHEEL = 16 << 20
_LARGEST_TRACER = 4 << 20
_PIP_SECONDS = 120


def find(
    version: tuple[int, int],
    *,
    libc: str = "glibc",
    machine: str = platform.machine(),
    log: Callable[[str], None] = lambda _: None,
) -> bytes:
    """The tracer's library for a target of this Python version and C library (``glibc`` or ``musl``).

    Reaches for the package index if it has to. Raises TracerUnavailable with the reason if it cannot be had.
    """
    wanted = _Tracer(version, libc, machine)
    own = _own(wanted)
    if own is not None:
        log("tracer: from the coverage.py that is installed here")
        return own
    cached = _cached(wanted, log)
    if cached is not None:
        log(f"tracer: {wanted.path}")
        return cached
    log(f"tracer: downloading coverage {wanted.release} for Python {wanted.python}")
    content = _download(wanted)
    try:
        _store(wanted, content)
    except OSError as error:
        log(f"tracer: not kept for the next time: {error}")
    return content


def available(version: tuple[int, int], *, libc: str = "glibc", machine: str = platform.machine()) -> str:
    """Where `find` would take the tracer from, without reaching for the package index; empty if it had to.

    Raises TracerUnavailable if there is none.
    """
    wanted = _Tracer(version, libc, machine)
    if _own(wanted) is not None:
        return "the coverage.py that is installed here"
    return str(wanted.path) if _cached(wanted, lambda _: None) is not None else ""


def cached() -> dict[tuple[int, int], str]:
    """The tracers that lie in the cache and would be used, for this machine: by version, coverage.py's release."""
    return {
        version: release
        for version, release in COVERAGE.items()
        for libc in PLATFORMS
        if _cached(_Tracer(version, libc, platform.machine()), lambda _: None) is not None
    }


def fetch(version: tuple[int, int], *, libc: str = "glibc", machine: str = platform.machine()) -> Path:
    """Download the tracer into the cache, also if it is there already; returns the file.

    Raises TracerUnavailable if it cannot be had or kept.
    """
    wanted = _Tracer(version, libc, machine)
    content = _download(wanted)
    try:
        _store(wanted, content)
    except OSError as error:
        raise TracerUnavailable(wanted.python, f"it cannot be kept: {error}") from None
    return wanted.path


class _Tracer:
    """Which tracer, and where the cache has it."""

    def __init__(self, version: tuple[int, int], libc: str, machine: str) -> None:
        self.version = version
        self.python = f"{version[0]}.{version[1]}"
        self.libc = libc
        self.machine = machine
        if version not in COVERAGE or libc not in PLATFORMS or machine not in _ELF_MACHINES:
            raise TracerUnavailable(self.python, f"there is none for {machine} with {libc}")
        self.release = COVERAGE[version]
        self.abi = f"cp{version[0]}{version[1]}"
        cache = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
        self.path = base / "live-attach" / "tracers" / f"coverage-{self.release}-{self.abi}-{libc}-{machine}.so"

    def matches(self, content: bytes) -> bool:
        """Is this a library for the target's machine? (elf(5): magic, 64 bits little-endian, e_machine)"""
        return content[:6] == b"\x7fELF\x02\x01" and content[18:20] == _ELF_MACHINES[self.machine].to_bytes(2, "little")


def _own(wanted: _Tracer) -> bytes | None:
    """The tracer of the coverage.py that runs here, if the target could load it."""
    if sys.version_info[:2] != wanted.version or sys.implementation.name != "cpython" or wanted.libc != _own_libc():
        return None
    try:
        spec = importlib.util.find_spec("coverage.tracer")
    except ImportError:
        return None
    if spec is None or not isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
        return None
    try:
        content = _read(spec.loader.path, _LARGEST_TRACER)
    except OSError:
        return None
    return content if wanted.matches(content) else None


def _own_libc() -> str:
    return "glibc" if platform.libc_ver()[0] == "glibc" else "musl"


def _cached(wanted: _Tracer, log: Callable[[str], None]) -> bytes | None:
    digest = wanted.path.with_suffix(".sha256")
    try:
        for path in (wanted.path.parent, wanted.path, digest):
            _check_private(path)
        content = _read(wanted.path, _LARGEST_TRACER)
        recorded = _read(digest, 100).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        log(f"tracer: the cache is not used: {error}")
        return None
    if hashlib.sha256(content).hexdigest() != recorded or not wanted.matches(content):
        log(f"tracer: {wanted.path} is damaged and not used")
        return None
    return content


def _check_private(path: Path) -> None:
    """Refuse what somebody else could have written: with ``sudo`` the cache may be that of another user."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(f"{path} could have been written by somebody else")


def _store(wanted: _Tracer, content: bytes) -> None:
    """Both files whole or not at all; the digest is last, so that a tracer without it is not used."""
    folder = wanted.path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(folder)
    digest = hashlib.sha256(content).hexdigest() + "\n"
    for path, data in ((wanted.path, content), (wanted.path.with_suffix(".sha256"), digest.encode())):
        descriptor, temporary = tempfile.mkstemp(dir=folder)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _download(wanted: _Tracer) -> bytes:
    """The tracer out of the wheel that pip chooses for the target's Python."""
    with tempfile.TemporaryDirectory(prefix="live-attach-") as folder:
        platforms = [f"--platform={name}_{wanted.machine}" for name in PLATFORMS[wanted.libc]]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", f"--python-version={wanted.python}"]
        command += ["--implementation=cp", f"--abi={wanted.abi}", *platforms]
        command += [f"--dest={folder}", f"coverage=={wanted.release}"]
        try:
            # in that folder, since `-m` looks for modules where it stands
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_PIP_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TracerUnavailable(wanted.python, f"pip: {error}") from None
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no word of pip"]
            raise TracerUnavailable(wanted.python, f"pip says: {lines[-1].strip()}")
        return _unpack(wanted, wheels[0])


def _unpack(wanted: _Tracer, wheel: Path) -> bytes:
    """The one tracer in a wheel."""
    name = re.compile(rf"coverage/tracer\.cpython-{wanted.version[0]}{wanted.version[1]}-[\w-]+\.so")
    try:
        if wheel.stat().st_size > _LARGEST_WHEEL:
            raise TracerUnavailable(wanted.python, f"{wheel.name} is too large to be true")
        with zipfile.ZipFile(wheel) as archive:
            members = [member for member in archive.infolist() if name.fullmatch(member.filename)]
            if len(members) != 1 or members[0].file_size > _LARGEST_TRACER:
                raise TracerUnavailable(wanted.python, f"there is no tracer in {wheel.name}")
            with archive.open(members[0]) as file:
                content = file.read(_LARGEST_TRACER)
    except (OSError, zipfile.BadZipFile) as error:
        raise TracerUnavailable(wanted.python, f"{wheel.name}: {error}") from None
    if not wanted.matches(content):
        raise TracerUnavailable(wanted.python, f"the tracer in {wheel.name} is for another machine")
    return content


def _read(path: str | Path, limit: int) -> bytes:
    """A whole file, which may not be larger than `limit` bytes."""
    with open(path, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(f"{path} is too large to be true")
    return content
