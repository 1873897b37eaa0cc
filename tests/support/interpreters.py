"""The CPython versions of this machine that tests attach to: one real interpreter per minor version.

`$LIVE_ATTACH_PYTHONS`, executables separated by colons, replaces the search. Otherwise each minor version comes from
the first of: pyenv, `PATH`, the ones that `make interpreters` has fetched.
"""

import functools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.cache import cache_directory

MINORS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")

# One line: implementation, minor version, ABI flags ("d" debug, "t" free-threaded), full version, the executable.
# `_base_executable` sees through virtual environments, and running it through pyenv's shims.
IDENTITY = """
import os, platform, sys
print(sys.implementation.name, "%d.%d" % sys.version_info[:2], sys.abiflags or "-", platform.python_version(),
      os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))
"""


@dataclass(frozen=True)
class Interpreter:
    """A CPython that runs: "3.8", "3.8.18", its executable with all links resolved."""

    minor: str
    release: str
    path: Path

    @property
    def version(self) -> tuple[int, int]:
        """(3, 8), to compare."""
        major, minor = self.minor.split(".")
        return int(major), int(minor)

    def __str__(self) -> str:
        return self.minor


@functools.cache
def find_interpreter(minor: str) -> Interpreter | None:
    """The machine's CPython `minor`, or None. Looked up once in a process."""
    found = (identify(candidate) for candidate in _candidates(minor))
    return next((interpreter for interpreter in found if interpreter and interpreter.minor == minor), None)


def identify(executable: Path) -> Interpreter | None:
    """What `executable` is; None unless it runs and is a plain release build of CPython."""
    try:
        done = subprocess.run(
            [executable, "-I", "-S", "-c", IDENTITY],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match done.stdout.rstrip("\n").split(" ", maxsplit=4):
        case ["cpython", minor, "-", release, path]:
            return Interpreter(minor, release, Path(path))
    return None


def _candidates(minor: str) -> Iterator[Path]:
    configured = os.environ.get("LIVE_ATTACH_PYTHONS")
    if configured:
        yield from (Path(name) for name in configured.split(os.pathsep) if name)
        return
    yield from _pyenv(minor)
    name = f"python{minor}"
    for directory in os.get_exec_path():
        if os.access(os.path.join(directory, name), os.X_OK):
            yield Path(directory, name)
    yield cache_directory() / "interpreters" / minor / "usr" / "bin" / name


def _pyenv(minor: str) -> Iterator[Path]:
    """pyenv's builds of `minor`, the newest first. Versions that are no plain number (3.13t, pypy) do not count."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    patches = [folder.name.split(".")[2] for folder in (root / "versions").glob(f"{minor}.*")]
    for patch in sorted((int(patch) for patch in patches if patch.isdigit()), reverse=True):
        yield root / "versions" / f"{minor}.{patch}" / "bin" / f"python{minor}"


def require_interpreter(minor: str) -> Interpreter:
    """The machine's CPython `minor`; without one the test is skipped, or fails where all must be there."""
    return find_interpreter(minor) or unavailable(f"CPython {minor} is not on this machine")


def unavailable(reason: str) -> NoReturn:
    """Skip the test because the machine lacks something; with LIVE_ATTACH_REQUIRE_ALL=1 fail it."""
    if os.environ.get("LIVE_ATTACH_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and LIVE_ATTACH_REQUIRE_ALL is set", pytrace=False)
    pytest.skip(reason)


def on_interpreters(*minors: str) -> pytest.MarkDecorator:
    """Run a test that uses the fixture `interpreter` on these versions only."""
    unknown = set(minors) - set(MINORS)
    if unknown:
        raise ValueError(f"no such versions: {sorted(unknown)}")
    return pytest.mark.parametrize("interpreter", minors, indirect=True, scope="session")


def from_version(minor: str) -> pytest.MarkDecorator:
    """Run a test that uses the fixture `interpreter` on `minor` and later."""
    return on_interpreters(*MINORS[MINORS.index(minor) :])


def before_version(minor: str) -> pytest.MarkDecorator:
    """Run a test that uses the fixture `interpreter` on the versions before `minor`."""
    return on_interpreters(*MINORS[: MINORS.index(minor)])
