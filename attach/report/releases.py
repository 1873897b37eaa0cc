"""coverage.py's own modules, as text, of a release that knows the target's version of Python.

A worker is sent them. Where they come from, first found wins: the operator's own coverage.py if it supports that
version, the cache, a pure-Python wheel that ``pip`` downloads. They become code in a process of the operator's, so the
cache is used only while nobody else could have written it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

#: The newest coverage.py for that version of Python; later versions have the last one.
RELEASES = {(3, 8): "7.6.1", (3, 9): "7.10.7", (3, 10): "7.16.2", (3, 11): "7.17.3"}

_MODULE = re.compile(r"coverage/(\w+)\.py")
_LARGEST = 8 << 20
_PIP_SECONDS = 60


class NoRelease(Exception):
    """The modules cannot be had; the text says why."""


def modules(version: tuple[int, int]) -> dict[str, str]:
    """The modules of the package by name, for a Python of this version.

    Reaches for the package index if it has to. Raises NoRelease.
    """
    if _own_knows(version):
        return _own()
    found = _cached(version)
    if found is None:
        found = _download(version)
        with contextlib.suppress(OSError):  # it is downloaded again the next time
            _store(version, found)
    return found


def available(version: tuple[int, int]) -> bool:
    """Whether `modules` has them without reaching for the package index."""
    return _own_knows(version) or _cached(version) is not None


def fetch(version: tuple[int, int]) -> Path:
    """Download the release for this version into the cache, also if it is there already; returns the file.

    Raises NoRelease, OSError.
    """
    _store(version, _download(version))
    return _place(version)


def release(version: tuple[int, int]) -> str:
    """Which release is downloaded for this version."""
    return RELEASES.get(version, RELEASES[max(RELEASES)])


def _own_knows(version: tuple[int, int]) -> bool:
    """Whether the coverage.py that runs here is for that Python too, by its own word."""
    try:
        classifiers = importlib.metadata.metadata("coverage").get_all("Classifier") or []
    except importlib.metadata.PackageNotFoundError:
        return False
    return f"Programming Language :: Python :: {version[0]}.{version[1]}" in classifiers


def _own() -> dict[str, str]:
    spec = importlib.util.find_spec("coverage")
    if spec is None or not spec.submodule_search_locations:
        raise NoRelease("the coverage.py here is not a folder of modules")
    found = Path(spec.submodule_search_locations[0]).glob("*.py")
    try:
        return {path.stem: path.read_text(encoding="utf-8") for path in found}
    except (OSError, UnicodeDecodeError) as error:
        raise NoRelease(f"the coverage.py here cannot be read: {error}") from None


def _place(version: tuple[int, int]) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    return base / "live-attach" / "analysis" / f"coverage-{release(version)}.json"


def _cached(version: tuple[int, int]) -> dict[str, str] | None:
    """The modules in the cache: a digest, a line end, JSON."""
    path = _place(version)
    try:
        for each in (path.parent, path):
            _check_private(each)
        with open(path, "rb") as file:
            digest, _, content = file.read(_LARGEST).partition(b"\n")
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest().encode() != digest:
        return None
    found: dict[str, str] = json.loads(content)
    return found


def _check_private(path: Path) -> None:
    """Refuse what somebody else could have written: with ``sudo`` the cache may be that of another user."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(f"{path} could have been written by somebody else")


def _store(version: tuple[int, int], found: dict[str, str]) -> None:
    """Whole or not at all."""
    path = _place(version)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(path.parent)
    content = json.dumps(found).encode()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _download(version: tuple[int, int]) -> dict[str, str]:
    """The modules out of the wheel without compiled parts, which coverage.py publishes for PyPy."""
    with tempfile.TemporaryDirectory(prefix="live-attach-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", f"--python-version={version[0]}.{version[1]}", "--retries=1"]
        command += ["--implementation=pp", "--abi=none", "--platform=any"]
        command += [f"--dest={folder}", f"coverage=={release(version)}"]
        try:
            # in that folder, since `-m` looks for modules where it stands
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_PIP_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoRelease(f"pip: {error}") from None
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no word of pip"]
            raise NoRelease(f"coverage {release(version)} cannot be had, pip says: {lines[-1].strip()}")
        return _unpack(wheels[0])


def _unpack(wheel: Path) -> dict[str, str]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            named = {_MODULE.fullmatch(member.filename): member for member in archive.infolist()}
            found = {match[1]: member for match, member in named.items() if match}
            if "parser" not in found or sum(member.file_size for member in found.values()) > _LARGEST:
                raise NoRelease(f"{wheel.name} is not coverage.py")
            return {name: archive.read(member).decode() for name, member in found.items()}
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise NoRelease(f"{wheel.name}: {error}") from None
