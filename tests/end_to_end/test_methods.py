"""--method and -v: the way in that was asked for, and each step of it on the screen."""

import re
import shutil

import pytest

from tests.support.command import assert_explained, attach, succeed
from tests.support.interpreters import on_interpreters
from tests.support.processes import Target

STEP = re.compile(r"^ +\d+\.\d\d ms  (.+)$", re.MULTILINE)


@on_interpreters("3.8", "3.15")
def test_each_step_is_shown(loop: Target) -> None:
    """-v shows every step of the attach with its time, from the first look to the arrival."""
    steps = STEP.findall(succeed(loop.pid, "start-coverage", "-v", "--method", "ptrace").stderr)
    assert steps[0].startswith(f"looked at process {loop.pid}: CPython 3.")
    assert steps[1] == "found its functions"
    assert any("started ours (stopped for" in step or "pending call added" in step for step in steps)
    assert steps[-1] == "arrived"


@on_interpreters("3.14", "3.15")
def test_remote_exec(loop: Target) -> None:
    """--method remote-exec gets in where PEP 768 exists, and -v says so."""
    done = succeed(loop.pid, "start-coverage", "-v", "--method", "remote-exec")
    assert any(step.startswith("requested from") for step in STEP.findall(done.stderr))


@on_interpreters("3.13")
def test_remote_exec_is_refused(loop: Target) -> None:
    """--method remote-exec where PEP 768 does not exist is exit 5 with the reason."""
    assert_explained(attach(loop.pid, "start-coverage", "--method", "remote-exec"), 5, "came before PEP 768")


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
@on_interpreters("3.8", "3.13")
def test_pyrasite(loop: Target) -> None:
    """--method pyrasite brings the same agent, and it is detached as ever."""
    done = succeed(loop.pid, "start-coverage", "-v", "--method", "pyrasite")
    assert "started pyrasite" in done.stderr
    assert "measuring" in succeed(loop.pid, "status").stdout
    succeed(loop.pid, "detach")
