"""Reports of a large project: a bar says how far they are, and Ctrl-C ends them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from coverage import CoverageData

from tests.support.command import attach, environment, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import Target, running, wait_until

MODULES = 100
FUNCTION = """\
def function_{0}(value):
    if value > {0}:
        return [each for each in range(value) if each % 2]
    return {{"value": value, "number": {0}}}


"""
PROGRAM = f"""\
import importlib, time
modules = [importlib.import_module(f"module{{number}}") for number in range({MODULES})]
print("ready", flush=True)
while True:
    for module in modules:
        module.function_1(2)
    time.sleep(0.05)
"""


@pytest.fixture
def large(interpreter: Interpreter, tmp_path: Path) -> Iterator[Target]:
    """A program of many modules that is measured; its working directory is the test's."""
    source = "".join(FUNCTION.format(number) for number in range(120))
    for number in range(MODULES):
        (tmp_path / f"module{number}.py").write_text(source)
    (tmp_path / "program.py").write_text(PROGRAM)
    with running([str(interpreter.path), str(tmp_path / "program.py")], ready="ready") as target:
        succeed(target.pid, "start-coverage")
        wait_until(lambda: len(measured_files(target, tmp_path)) > MODULES, "all modules")
        yield target


def measured_files(target: Target, folder: Path) -> set[str]:
    attach(target.pid, "snapshot", f"--data={folder / 'ran.cov'}")
    data = CoverageData(str(folder / "ran.cov"))
    data.read()
    return data.measured_files()


def on_a_terminal(target: Target, folder: Path, *words: str) -> pexpect.spawn[str]:
    arguments = ["-m", "attach", str(target.pid), "snapshot", "--html", *words]
    return pexpect.spawn(sys.executable, arguments, encoding="utf-8", cwd=folder, env=environment(), timeout=60)


@on_interpreters("3.12")
def test_bar_and_interruption(large: Target, tmp_path: Path) -> None:
    """A bar names the phase, but not with -q; Ctrl-C exits with 130 and leaves nothing."""
    child = on_a_terminal(large, tmp_path)
    child.expect(r"Rendering HTML +\[.*\] +\d+%")
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    child.sendintr()
    child.expect("interrupted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert not (tmp_path / "htmlcov").exists()
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), "the workers' end")

    quiet = on_a_terminal(large, tmp_path, "-q")
    quiet.expect(pexpect.EOF)
    quiet.close()
    assert (quiet.before, quiet.exitstatus) == ("", 0)
