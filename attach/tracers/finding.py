"""Finds coverage.py's compiled tracer for a target's version of Python.

The agent loads it inside the target (``attach_agent.coverage.tracer.library``), so it must be made for the target's
minor version, machine and C library. The agent looks in its own process first. Only if there is none does it ask for
one, and then the first found wins: the operator's own coverage.py, the cache, a wheel from a package index.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import platform
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from attach import cache
from attach.tracers.builds import DIGESTS, Build, build
from attach.tracers.download import LARGEST_TRACER, download, unavailable
from attach.wheels import Version

#: Takes what is being done, for as long as it takes: a download may be shown.
Working = Callable[[str], AbstractContextManager[None]]


def silently(_text: str) -> AbstractContextManager[None]:
    """The `Working` of those who show nothing."""
    return contextlib.nullcontext()


def find(
    version: Version,
    *,
    libc: str = "glibc",
    machine: str = "",
    log: Callable[[str], None] = lambda _: None,
    working: Working = silently,
) -> bytes:
    """The tracer's library for a target of this Python version and C library (``glibc`` or ``musl``).

    Reaches for the package index if it has to. Raises TracerUnavailable with the reason if it cannot be had.
    """
    wanted = build(version, libc, machine)
    own = _own(wanted)
    if own is not None:
        log("tracer: from the coverage.py that is installed here")
        return own
    cached = _cached(wanted, log)
    if cached is not None:
        log(f"tracer: {path_of(wanted)}")
        return cached
    content = _download(wanted, working)
    try:
        cache.keep(path_of(wanted), content)
    except OSError as error:
        log(f"tracer: not kept for the next time: {error}")
    return content


def available(version: Version, *, libc: str = "glibc") -> str:
    """Where `find` would take the tracer from, without reaching for the package index; empty if it had to.

    Raises TracerUnavailable if there is none.
    """
    wanted = build(version, libc)
    if _own(wanted) is not None:
        return "the coverage.py that is installed here"
    return str(path_of(wanted)) if is_cached(wanted) else ""


def cached() -> dict[Version, str]:
    """The tracers that lie in the cache and would be used, for this machine: by version, coverage.py's release."""
    return {wanted.version: wanted.release for wanted in cached_builds() if wanted.machine == platform.machine()}


def cached_builds() -> list[Build]:
    """All tracers that lie in the cache and would be used, for other machines too; by version."""
    return [wanted for wanted in (Build(*key) for key in sorted(DIGESTS)) if is_cached(wanted)]


def is_cached(wanted: Build) -> bool:
    return _cached(wanted, lambda _: None) is not None


def fetch(version: Version, *, libc: str = "glibc", machine: str = "", working: Working = silently) -> Path:
    """Download the tracer into the cache, also if it is there already; returns the file.

    Raises TracerUnavailable if it cannot be had or kept.
    """
    wanted = build(version, libc, machine)
    content = _download(wanted, working)
    try:
        cache.keep(path_of(wanted), content)
    except OSError as error:
        raise unavailable(wanted, error) from None
    return path_of(wanted)


def path_of(wanted: Build) -> Path:
    """Where the cache has it."""
    return cache.folder("tracers") / wanted.filename


def _download(wanted: Build, working: Working) -> bytes:
    with working(f"Fetching coverage.py {wanted.release}'s tracer for Python {wanted.python}"):
        return download(wanted)


def _own(wanted: Build) -> bytes | None:
    """The tracer of the coverage.py that runs here, if the target could load it."""
    here = (sys.version_info[:2], _own_libc(), platform.machine())
    if here != (wanted.version, wanted.libc, wanted.machine) or sys.implementation.name != "cpython":
        return None
    try:
        spec = importlib.util.find_spec("coverage.tracer")
    except ImportError:
        return None
    if spec is None or not isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
        return None
    try:
        content = _read(spec.loader.path)
    except OSError:
        return None
    return content if wanted.could_load(content) else None


def _own_libc() -> str:
    return "glibc" if platform.libc_ver()[0] == "glibc" else "musl"


def _cached(wanted: Build, log: Callable[[str], None]) -> bytes | None:
    """Whoever has written it: only the tracer itself passes."""
    path = path_of(wanted)
    try:
        content = _read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        log(f"tracer: the cache is not used: {error}")
        return None
    if not wanted.is_genuine(content):
        log(f"tracer: {path} is damaged and not used")
        return None
    return content


def _read(path: str | Path) -> bytes:
    """A whole file, no larger than a tracer can be."""
    with open(path, "rb") as file:
        content = file.read(LARGEST_TRACER + 1)
    if len(content) > LARGEST_TRACER:
        raise OSError(f"{path} is too large to be true")
    return content
