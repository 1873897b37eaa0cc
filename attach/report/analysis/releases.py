"""coverage.py's own modules, as text, of a release that knows the target's version of Python.

A worker is sent them. Where they come from, first found wins: the operator's own coverage.py if it supports that
version, the cache, a pure-Python wheel that ``pip`` downloads. They become code in a process of the operator's, so the
cache is used only while nobody else could have written it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import re
import zipfile
from pathlib import Path

import coverage

from attach import cache
from attach.errors import AnalysisUnavailable
from attach.wheels import PipFailed, Version, downloaded, release

#: SHA-256 of the wheels of these releases that have no compiled parts.
DIGESTS = {
    "7.6.1": "e9a6e0eb86070e8ccaedfbd9d38fec54864f3125ab95419970575b42af7541df",
    "7.10.7": "f7941f6f2fe6dd6807a1208737b8a0cbcf1cc6d7b07d24998ad2d63590868260",
    "7.16.2": "11d28e9123a9156cb405d8d27b44256c9a58fb5decc2073a8f17862057e3aa0f",
    "7.17.3": "21745c08f2835b847a16887b748d3084dddeb0571ae2a0d62e33644413568b99",
}

_MODULE = re.compile(r"coverage/(\w+)\.py")
_LARGEST = 8 << 20


def modules(version: Version) -> dict[str, str]:
    """The modules of the package by name, for a Python of this version.

    Reaches for the package index if it has to. Raises AnalysisUnavailable.
    """
    if _own_knows(version):
        return _own()
    found = _cached(version)
    if found is None:
        found = _download(version)
        with contextlib.suppress(OSError):  # it is downloaded again the next time
            _store(version, found)
    return found


def available(version: Version) -> bool:
    """Whether `modules` has them without reaching for the package index."""
    return _own_knows(version) or _cached(version) is not None


def fetch(version: Version) -> Path:
    """Download the release for this version into the cache, also if it is there already; returns the file.

    Raises AnalysisUnavailable.
    """
    found = _download(version)
    try:
        _store(version, found)
    except OSError as error:
        raise _unavailable(version, f"they cannot be kept: {error}") from None
    return _place(version)


def _own_knows(version: Version) -> bool:
    """Whether the coverage.py that runs here is for that Python too, by its own word."""
    try:
        classifiers = importlib.metadata.metadata("coverage").get_all("Classifier") or []
    except importlib.metadata.PackageNotFoundError:
        return False
    return f"Programming Language :: Python :: {version[0]}.{version[1]}" in classifiers


def _own() -> dict[str, str]:
    folder = Path(coverage.__file__).parent
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}


def _unavailable(version: Version, reason: str) -> AnalysisUnavailable:
    return AnalysisUnavailable(f"{version[0]}.{version[1]}", reason)


def _place(version: Version) -> Path:
    return cache.folder("analysis") / f"coverage-{release(version)}.json"


def _cached(version: Version) -> dict[str, str] | None:
    """The modules in the cache: a digest, a line end, JSON."""
    path = _place(version)
    try:
        for each in (path.parent, path):
            cache.check_private(each)
        with open(path, "rb") as file:
            digest, _, content = file.read(_LARGEST).partition(b"\n")
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest().encode() != digest:
        return None
    found: dict[str, str] = json.loads(content)
    return found


def _store(version: Version, found: dict[str, str]) -> None:
    content = json.dumps(found).encode()
    cache.keep(_place(version), hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def _download(version: Version) -> dict[str, str]:
    """The modules out of the wheel without compiled parts, which coverage.py publishes for PyPy."""
    try:
        with downloaded(version, ["--implementation=pp", "--abi=none", "--platform=any"]) as wheel:
            return _unpack(version, wheel)
    except PipFailed as failure:
        lines = str(failure).strip().splitlines() or ["no word of pip"]
        raise _unavailable(version, f"pip says: {lines[-1].strip()}") from None
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise _unavailable(version, str(error)) from None


def _unpack(version: Version, wheel: Path) -> dict[str, str]:
    """The modules out of a wheel that is as it was released."""
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != DIGESTS[release(version)]:
        raise _unavailable(version, f"{wheel.name} is not what was released")
    with zipfile.ZipFile(wheel) as archive:
        named = {_MODULE.fullmatch(member.filename): member for member in archive.infolist()}
        return {match[1]: archive.read(member).decode() for match, member in named.items() if match}
