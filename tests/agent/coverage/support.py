"""Runs the programs of this folder, which measure themselves."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from attach import tracers
from attach.errors import TracerUnavailable
from attach.tracers import build
from attach.wheels import release
from tests.support.cache import cache_directory, locked
from tests.support.interpreters import Interpreter, unavailable

PROGRAMS = Path(__file__).parent / "programs"
AGENT = Path(__file__).parents[3] / "agent"
TIMEOUT = 60


#: What is measured, and by what if not by what is best for the version.
WAYS: dict[str, dict[str, Any]] = {
    "lines": {},
    "branches": {"branch": True},
    "traced": {"branch": True, "core": "ctracer"},
    "probes": {"core": "probes"},
}


#: The ways that use the tracer.
TRACED = (
    *((minor, way) for minor in ("3.8", "3.9", "3.10", "3.11") for way in ("lines", "branches")),
    *((minor, "branches") for minor in ("3.12", "3.13")),
    *((minor, "traced") for minor in ("3.14", "3.15")),
)
PROBED = tuple((minor, "probes") for minor in ("3.8", "3.9", "3.10", "3.11"))
MONITORED = (
    *((minor, "lines") for minor in ("3.12", "3.13", "3.14", "3.15")),
    *((minor, "branches") for minor in ("3.14", "3.15")),
)


def each(ways: Iterable[tuple[str, str]] = sorted(TRACED + MONITORED)) -> pytest.MarkDecorator:
    """Run a test that uses the fixtures `interpreter` and `way` in these ways: version and one of `WAYS`."""
    return pytest.mark.parametrize(("interpreter", "way"), ways, indirect=["interpreter"], scope="session")


def tracer_of(interpreter: Interpreter) -> Path:
    """coverage.py's tracer for this interpreter, from the cache or the package index."""
    wanted = build(interpreter.version)
    if not tracers.is_cached(wanted):
        try:
            tracers.fetch(interpreter.version)
        except TracerUnavailable as error:
            unavailable(error.message)
    return tracers.path_of(wanted)


def coverage_for(interpreter: Interpreter) -> Path:
    """A folder with a coverage.py for this interpreter."""
    return package(interpreter, f"coverage=={release(interpreter.version)}")


def package(interpreter: Interpreter, requirement: str) -> Path:
    """A folder with this package for this interpreter, from the package index once and then from the cache."""
    folder = cache_directory() / "packages" / f"{interpreter.minor}-{requirement}"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
            command += [f"--python-version={interpreter.minor}", f"--target={folder}", requirement]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                unavailable(f"no {requirement} for {interpreter}: {done.stderr.strip()}")
            (folder / "complete").touch()
    return folder


def run(
    interpreter: Interpreter,
    program: str,
    *args: str,
    path: Path | None = None,
    tracer: bool = True,
    way: str = "lines",
) -> Any:
    """What the program reports, once it has ended well.

    `path` is one more folder of modules, `tracer` as an operator would bring it, `way` one of `WAYS`.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (AGENT, path) if path else (AGENT,)))
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment["OPTIONS"] = json.dumps(WAYS[way])
    if tracer and (interpreter.minor, way) in TRACED + PROBED:
        environment["TRACER"] = str(tracer_of(interpreter))
    if way == "traced":
        environment["COVERAGE_CORE"] = "ctrace"
    done = subprocess.run(
        [interpreter.path, "-X", "faulthandler", "-W", "ignore::DeprecationWarning", PROGRAMS / program, *args],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT,
        env=environment,
    )
    assert done.returncode == 0 and not done.stderr, f"{program}: exit {done.returncode}\n{done.stderr}\n{done.stdout}"
    return json.loads(done.stdout)
