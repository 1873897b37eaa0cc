"""Branches by the real command: what is measured, told, kept apart and reported."""

import json
from pathlib import Path

from tests.support import servers
from tests.support.command import assert_explained, attach, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS

LINES = (TARGETS / "loop.py").read_text().splitlines()


def line(text: str) -> int:
    (number,) = (number for number, content in enumerate(LINES, 1) if text in content)
    return number


@on_interpreters("3.8", "3.11", "3.13", "3.15")
def test_branches_of_a_loop(interpreter: Interpreter, tmp_path: Path) -> None:
    """A loop that ran before is reported with the branches that it takes, and with the one that it never takes."""
    core = "monitoring" if interpreter.version >= (3, 14) else "ctracer"
    with servers.loop(interpreter.path) as target:
        assert "lines and branches" in succeed(target.pid, "start-coverage", "--branch").stderr
        servers.drive_loop(target)
        assert f"measuring lines and branches ({core})" in succeed(target.pid, "status").stdout
        succeed(target.pid, "snapshot", "--json", cwd=tmp_path)
    (found,) = json.loads((tmp_path / "coverage.json").read_text())["files"].values()
    never, taken = line("if n < 0"), line("if n > 5")
    assert [never, never + 1] in found["missing_branches"]
    assert [never, taken] in found["executed_branches"]
    assert [taken, taken + 1] in found["executed_branches"] and [taken, taken + 2] in found["executed_branches"]


@on_interpreters("3.15")
def test_options_are_kept_apart(interpreter: Interpreter) -> None:
    """Whoever starts with other options is told which, while measuring and when there is data, and what to do."""
    with servers.loop(interpreter.path) as target:
        pid, source = target.pid, f"source={TARGETS}"
        other = f"was: {source}; now: {source}, branch"
        succeed(pid, "start-coverage", "--source", TARGETS)
        same = attach(pid, "start-coverage", "--source", TARGETS)
        assert_explained(same, 6, "[coverage-running]", "snapshot")
        assert "was:" not in same.stderr
        more = attach(pid, "start-coverage", "--source", TARGETS, "--branch")
        assert_explained(more, 6, "[coverage-running]", other, "--discard")
        traced = attach(pid, "start-coverage", "--source", TARGETS, "--core", "ctracer")
        assert_explained(traced, 6, "[coverage-running]", f"now: {source}, core=ctracer")
        succeed(pid, "stop-coverage")
        more = attach(pid, "start-coverage", "--source", TARGETS, "--branch")
        assert_explained(more, 6, "[coverage-options-differ]", other, "stop-coverage --discard")
        succeed(pid, "stop-coverage", "--discard")
        succeed(pid, "start-coverage", "--branch", "--core", "ctracer")
        assert "(ctracer)" in succeed(pid, "status").stdout
        succeed(pid, "stop-coverage")
        assert_explained(attach(pid, "start-coverage", "--branch"), 6, "[coverage-options-differ]", "core=ctracer")


@on_interpreters("3.11", "3.13")
def test_core_that_cannot(interpreter: Interpreter) -> None:
    """A core that cannot measure branches of this version of Python is refused by name, and nothing stays."""
    with servers.loop(interpreter.path) as target:
        done = attach(target.pid, "start-coverage", "--core", "monitoring", "--branch")
        assert_explained(done, 6, "[core-unavailable]", "monitoring", f"Python {interpreter}", "--core")
        assert "not attached" in succeed(target.pid, "status").stdout
        assert attach(target.pid, "start-coverage", "--core", "nothing").code == 2
