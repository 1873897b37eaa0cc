"""Breakpoints at lines: each hit is told, in every thread, and nothing stays when they are gone."""

from typing import Any

import pytest

from tests.agent.coverage.support import package
from tests.debug.inside import run
from tests.support.interpreters import Interpreter, before_version, on_interpreters

#: What `lines.py` calls, in this order; the loop of `plain` comes to its line once per turn.
CALLED = ["plain"] * 3 + ["method", "plain", "static", "of_class", "attribute", "deep", "inner", "generator"]
CALLED += ["made_later", "<lambda>"]


def test_each_hit_is_told(interpreter: Interpreter) -> None:
    """A line stops in any thread, also where it was running or suspended before, each time and only while armed."""
    found = run(interpreter, "lines.py")
    lines = found["lines"]
    lines["<lambda>"] = lines["made_later"]
    expected = [[name, lines[name]] for name in CALLED]
    suspended = [[name, lines[name]] for name in ("generator", "coroutine")]
    assert found["here"] == expected + suspended
    assert found["elsewhere"] == expected
    assert found["disarmed"] == [["static", lines["static"]]]
    assert found["again"] == [["plain", lines["plain"]]] * 2 + [["static", lines["static"]]]
    assert found["two"] == [["plain", lines["plain"]]] * 2 + [["plain", lines["plain"] + 1]]
    assert found["counts"].pop("made_later") == 2 and set(found["counts"].values()) == {1}
    assert found["after"] == []
    assert found["left"] == ["None", "None"] and set(found["tools"]) <= {None}
    assert bool(found["slowdown"]) == (interpreter.version < (3, 12))


#: With branches by the C tracer, with lines by what is best for the version.
BESIDE = [(minor, what) for minor in ("3.8", "3.9", "3.10", "3.11") for what in ("lines", "branches")]
BESIDE += [("3.12", "branches"), ("3.12", "lines"), ("3.15", "lines")]


@pytest.mark.parametrize(("interpreter", "what"), BESIDE, indirect=["interpreter"], scope="session")
def test_beside_coverage(interpreter: Interpreter, what: str) -> None:
    """What coverage records is complete and in the right files while lines are armed, and afterwards."""
    found = run(interpreter, "beside_coverage.py", what, tracer=True)
    assert {name for name, _ in found["hit"]} == {"loops", "generator", "spin"}
    assert found["missing"] == found["more"] == [{"work.py": [], "work_helper.py": []}] * 9
    assert len(found["plain"]["work.py"]) > 90
    assert found["others"] == found["kept"] == []
    assert found["left"][1:] == ["None", "None"]


@pytest.mark.parametrize("what", ["threads", "greenlets"])
@on_interpreters("3.8", "3.10", "3.11", "3.12")
def test_coverage_begins_and_ends(interpreter: Interpreter, what: str) -> None:
    """Coverage that is started and stopped while a line is armed records all that ran, and the line stops all along."""
    path = package(interpreter, "greenlet>=3.1,<4")
    found = run(interpreter, "coverage_later.py", what, tracer=interpreter.version < (3, 12), path=path)
    assert found["plain"] == found["measured"] == found["again"]
    assert len(found["plain"]["work.py"]) > 20
    assert all(found["hits"]) and found["gone"]
    assert found["left"] == ["None", "None"]


@before_version("3.12")
def test_other_tracers(interpreter: Interpreter) -> None:
    """Who traces a thread already sees every event as before, and has its thread again afterwards."""
    found = run(interpreter, "beside_tracers.py")
    assert_same(found, "everywhere")
    assert_same(found, "frame")
    assert found["kept"] == found["traced"] == [True, True]
    assert found["came"] and found["gone"]
    assert found["hits"] == found["expected"]


def assert_same(found: dict[str, Any], name: str) -> None:
    assert found["plain"][name] == found["armed"][name] == found["after"][name]
    assert len(found["plain"][name]) > 5


@before_version("3.12")
def test_threads_without_hook(interpreter: Interpreter) -> None:
    """Threads that no hook of ``threading`` tells of stop as well, and all are as before at the end."""
    found = run(interpreter, "raw_threads.py")
    assert found["raw"] and found["hooked"]
    assert found["before"] == found["after"]
    assert found["again"] == [True, True]
