"""One program measured twice: by coverage.py from its start, and by us from the attach on.

The program says ``ready``, waits until the file ``$GO`` exists, works, says ``done``, waits until that file is gone
and ends. So both sides see all of its work, and what they report must be equal.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverage import CoverageData

from tests.agent.coverage.support import coverage_for
from tests.support.command import succeed
from tests.support.interpreters import Interpreter
from tests.support.processes import Target, running

WORK = 300.0  # seconds that the work may take


@dataclass(frozen=True)
class Program:
    """What is run: arguments of `python`, which is a CPython of `interpreter`'s version, and the files to measure."""

    interpreter: Interpreter
    python: Path
    arguments: tuple[str | Path, ...]
    include: tuple[str, ...]

    def options(self, branch: bool) -> list[str]:
        """Those that ``coverage run`` and ``attach PID start-coverage`` have in common."""
        return [f"--include={','.join(self.include)}", *["--branch"] * branch]


@dataclass(frozen=True)
class Found:
    """What one side measured: lines or arcs by file, and what coverage.py of the program's version reports of them."""

    data: dict[str, set[Any]]
    files: dict[str, Any]
    output: str


def by_coverage(program: Program, folder: Path, *, branch: bool, core: str = "", itself: bool = False) -> Found:
    """Measured by ``coverage run``, or, if it starts coverage `itself`, by that; `core` is coverage.py's."""
    place = folder / "theirs"
    launcher = [] if itself else ["-m", "coverage", "run", *program.options(branch)]
    with _waiting(program, launcher, folder, core) as (target, go):
        _work(target, go)
        go.unlink()
        assert target.wait_for_end() == 0
        output = target.stdout
    return _found(program, place, branch, output)


def by_attach(program: Program, folder: Path, *, branch: bool, core: str = "auto") -> Found:
    """Measured by us, started when it is ready, before it works."""
    place = folder / "ours"
    options = program.options(branch) + ([] if core == "auto" else [f"--core={core}"])
    with _waiting(program, [], folder) as (target, go):
        succeed(target.pid, "start-coverage", *options)
        _work(target, go)
        succeed(target.pid, "snapshot", f"--data={place}")
        go.unlink()
        assert target.wait_for_end() == 0
        output = target.stdout
    return _found(program, place, branch, output)


@contextmanager
def _waiting(program: Program, launcher: list[str], folder: Path, core: str = "") -> Iterator[tuple[Target, Path]]:
    """The program once it is ready; its environment is the same on both sides, since programs look at that."""
    go = folder / "go"
    env = {
        "GO": str(go),
        "PYTHONPATH": str(coverage_for(program.interpreter)),
        "PYTHONHASHSEED": "0",
        "COVERAGE_FILE": str(folder / "theirs"),
        "COVERAGE_RCFILE": str(_no_settings(folder)),
        **({"COVERAGE_CORE": core} if core else {}),
    }
    command = [program.python, "-W", "ignore", *launcher, *program.arguments]
    with running(command, ready="^ready$", env=env, cwd=folder, timeout=WORK) as target:
        yield target, go


def _no_settings(folder: Path) -> Path:
    """A file of settings without any, so that nothing else is looked for."""
    file = folder / "no-settings"
    file.touch()
    return file


def _work(target: Target, go: Path) -> None:
    go.touch()
    target.wait_for("^done$", WORK)


def _found(program: Program, place: Path, branch: bool, output: str) -> Found:
    data = CoverageData(str(place))
    data.read()
    assert data.has_arcs() == branch
    # a module without any code runs line 0, which coverage.py keeps in its data file and we do not: no report shows it
    files = {name: set((data.arcs if branch else data.lines)(name) or ()) - {0} for name in data.measured_files()}
    return Found(files, report(program.interpreter, place), output)


def report(interpreter: Interpreter, data: Path) -> dict[str, Any]:
    """The files of the JSON report that coverage.py of this version makes of a data file."""
    done = subprocess.run(
        [interpreter.path, "-m", "coverage", "json", f"--data-file={data}", "--ignore-errors", "-o", "-"],
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=data.parent,
        env={"PYTHONPATH": str(coverage_for(interpreter)), "COVERAGE_RCFILE": str(_no_settings(data.parent))},
    )
    files: dict[str, Any] = json.loads(done.stdout)["files"]
    return files


def differences(theirs: Found, ours: Found) -> list[str]:
    """One line for each thing in which they differ; empty if they are equal."""
    found = []
    for name in sorted(theirs.data.keys() | ours.data.keys()):
        a, b = theirs.data.get(name, set()), ours.data.get(name, set())
        if a != b:
            found.append(f"{name}: only coverage: {sorted(a - b)}; only attach: {sorted(b - a)}")
    for name in sorted(theirs.files.keys() | ours.files.keys()):
        a_file, b_file = theirs.files.get(name, {}), ours.files.get(name, {})
        for key in ("executed_lines", "missing_lines", "excluded_lines", "executed_branches", "missing_branches"):
            a_numbers, b_numbers = a_file.get(key), b_file.get(key)
            if a_numbers != b_numbers:
                found.append(f"{name}, {key}: coverage: {a_numbers}; attach: {b_numbers}")
        if a_file.get("summary") != b_file.get("summary"):
            found.append(f"{name}, summary: coverage: {a_file.get('summary')}; attach: {b_file.get('summary')}")
    return found
