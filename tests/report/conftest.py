"""Real measurements for the report's tests: programs that ran under ``coverage run``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from coverage import CoverageData

from attach.errors import AnalysisUnavailable
from attach.report import Measured, releases
from attach_agent.wire import pack_lines
from tests.support.interpreters import unavailable

#: The data file of the run, under a name that no report has.
RAN = "ran.cov"

SHAPES = '''\
"""Shapes of code that are counted in their own way."""
import contextlib
import functools
import threading


def traced(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


@traced
@traced
def decorated(
    first,
    second=(
        1,
        2,
    ),
):
    """A docstring is no statement."""
    return [
        value
        for value in second
        if value > first
    ]


class Machine:
    limit = 3

    def run(self):
        for step in range(self.limit):
            if step == 10:
                return step
            yield step

    def never(self):
        raise AssertionError


def careful(value):
    try:
        with contextlib.suppress(KeyError):
            return {}[value]
        return 1 / value
    except ZeroDivisionError:
        return None
    finally:
        value = None


def debugging():  # pragma: no cover
    print("never shown")


def matched(value):
    match value:
        case {"a": found}:
            return found
        case [first, *_]:
            return first
        case _:
            return None


async def waits():
    return await other()


async def other():
    return 1
'''

PROGRAM = """\
import threading

from parts import shapes
from parts.deeper.leaf import leaf

shapes.decorated(1)
list(shapes.Machine().run())
shapes.careful(0)
shapes.matched([1])
try:
    shapes.waits().send(None)
except StopIteration:
    pass
thread = threading.Thread(target=leaf, args=("über",))
thread.start()
thread.join()
if __name__ == "other":
    print("no")
"""

LEAF = """\
def leaf(name):
    if not name:
        return 1
    return "ü" + name
"""


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose program ran under coverage; the data file `RAN` is there."""
    project = tmp_path_factory.mktemp("project")
    (project / "parts" / "deeper").mkdir(parents=True)
    (project / "parts" / "__init__.py").write_text("")
    (project / "parts" / "deeper" / "__init__.py").write_text("NAME = 'deeper'\n")
    (project / "parts" / "deeper" / "leaf.py").write_text(LEAF, encoding="utf-8")
    (project / "parts" / "shapes.py").write_text(SHAPES)
    (project / "program.py").write_text(PROGRAM, encoding="utf-8")
    coverage(project, "run", f"--data-file={RAN}", "program.py")
    return project


@pytest.fixture
def project(ran: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project as the working directory, cleared of reports afterwards."""
    before = set(ran.iterdir())
    monkeypatch.chdir(ran)
    yield ran
    for path in set(ran.iterdir()) - before:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def coverage(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run coverage.py's own command in `folder`; returns its output."""
    done = subprocess.run(
        [sys.executable, "-m", "coverage", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def measurement(lines: dict[str, set[int]], **other: Any) -> Measured:
    """A measurement of this process, which sees the files that we see."""
    known: dict[str, Any] = {
        "pid": os.getpid(),
        "python": tuple(sys.version_info[:3]),
        "root": "/",
        "cwd": os.getcwd(),
        "taken_at": time.time(),
        "started": time.time(),
    }
    return Measured(lines={path: pack_lines(numbers) for path, numbers in lines.items()}, **(known | other))


def recorded(folder: Path, name: str = RAN) -> dict[str, set[int]]:
    """The lines in a data file of coverage's."""
    data = CoverageData(str(folder / name))
    data.read()
    return {path: set(data.lines(path) or ()) for path in data.measured_files()}


def require_modules(version: tuple[int, int]) -> None:
    """coverage.py's modules for that version are there from now on, or the test is skipped."""
    try:
        releases.modules(version)
    except AnalysisUnavailable as error:
        unavailable(error.message)
