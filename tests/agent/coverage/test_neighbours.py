"""Other tools in the process: both work with right results, or we refuse, name the other, and change nothing."""

from typing import Any

import pytest

from tests.agent.coverage.support import coverage_for, package, run
from tests.support.interpreters import Interpreter, before_version, on_interpreters


def assert_together(found: dict[str, Any], *, may_refuse: str = "") -> None:
    """The other tool saw all it should, we reported no line of another file, and nothing stayed."""
    assert found["saw"] and found["unchanged"]
    assert found["wrong"] == []
    assert found["left"] == []
    if found["refused"] is not None:
        assert may_refuse
        slug, message = found["refused"]
        assert slug == "tracer-busy" and may_refuse in message
    for name in found["others"]:
        assert may_refuse and may_refuse in name


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("tool", "known_as"),
    [("settrace", "beside.py"), ("settrace everywhere", "beside.py"), ("bdb", "bdb.Bdb.trace_dispatch")],
)
def test_tracers(interpreter: Interpreter, tool: str, known_as: str, when: str) -> None:
    """Trace functions and the debugger of the standard library: before Python 3.12 a thread has one place for them."""
    found = run(interpreter, "beside.py", tool, when)
    assert_together(found, may_refuse=known_as if interpreter.version < (3, 12) else "")
    if interpreter.version < (3, 12):
        assert found["refused"] or found["others"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("tool", ["setprofile", "cProfile"])
@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_profilers(interpreter: Interpreter, tool: str, when: str) -> None:
    """Profilers of the standard library."""
    assert_together(run(interpreter, "beside.py", tool, when))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("core", ["ctrace", "pytrace", "sysmon"])
def test_its_own_coverage(interpreter: Interpreter, core: str, when: str) -> None:
    """The process's own coverage.py, on each of its cores."""
    if core == "sysmon" and interpreter.version < (3, 12):
        pytest.skip("sys.monitoring came with Python 3.12")
    found = run(interpreter, "beside.py", core, when, path=coverage_for(interpreter))
    assert_together(found, may_refuse="coverage" if interpreter.version < (3, 12) else "")


@pytest.mark.parametrize("when", ["before", "after"])
@on_interpreters("3.8", "3.11", "3.12", "3.13")
def test_yappi(interpreter: Interpreter, when: str) -> None:
    """A profiler of another make, in C."""
    assert_together(run(interpreter, "beside.py", "yappi", when, path=package(interpreter, "yappi>=1.6,<2")))


@before_version("3.12")
def test_frames_that_others_have_left(interpreter: Interpreter) -> None:
    """A thread that another tracer gives back is measured again, with right lines; one that it keeps stays its own."""
    found = run(interpreter, "left_behind.py", path=coverage_for(interpreter))
    assert found["wrong"] == []
    assert found["kept"] == [True]
    assert any("left_behind.py" in name for name in found["others"])
