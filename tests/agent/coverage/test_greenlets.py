"""Programs that switch greenlets: lines stay with their file, on every version of Python."""

import pytest

from tests.agent.coverage.support import PROGRAMS, each, package, run
from tests.support.interpreters import Interpreter, before_version, on_interpreters
from tests.support.marks import lines_marked

GREENLET = "greenlet>=3.1,<4"


def test_suspended_greenlets(interpreter: Interpreter) -> None:
    """Greenlets that were suspended at the attach are measured when they go on."""
    found = run(interpreter, "greenlets.py", path=package(interpreter, GREENLET))
    ran = lines_marked(PROGRAMS / "greenlets.py", "ran")
    assert ran <= set(found["lines"]), f"missing: {sorted(ran - set(found['lines']))}"
    assert not set(found["lines"]) & lines_marked(PROGRAMS / "greenlets.py", "before")


@pytest.mark.parametrize("late", [False, True], ids=["loaded", "late"])
def test_switches(interpreter: Interpreter, late: bool) -> None:
    """Under random switches in several threads, also of a greenlet loaded later, each file gets its own lines."""
    arguments = ["late"] if late else []
    found = run(interpreter, "greenlet_switches.py", *arguments, path=package(interpreter, GREENLET))
    assert found == {"wrong": [], "missing": []}


@pytest.mark.parametrize("late", [False, True], ids=["loaded", "late"])
@each([("3.11", "branches"), ("3.12", "branches"), ("3.13", "branches"), ("3.9", "probes")])
def test_switches_otherwise(interpreter: Interpreter, way: str, late: bool) -> None:
    """The same with branches, and with probes."""
    arguments = ["late"] if late else []
    found = run(interpreter, "greenlet_switches.py", *arguments, path=package(interpreter, GREENLET), way=way)
    assert found == {"wrong": [], "missing": []}


@each([("3.14", "traced"), ("3.15", "traced")])
def test_greenlets_that_cannot_be_traced(interpreter: Interpreter, way: str) -> None:
    """Where tracing loses events of suspended greenlets, or crashes, the tracer is refused."""
    found = run(interpreter, "greenlet_refused.py", path=package(interpreter, GREENLET), way=way)
    assert found["refused"][0] == "greenlets"


@on_interpreters("3.8", "3.10")
def test_old_greenlet(interpreter: Interpreter) -> None:
    """The same with the oldest greenlet for that version of Python."""
    older = package(interpreter, "greenlet<1" if interpreter.minor == "3.8" else "greenlet<2")
    assert run(interpreter, "greenlet_switches.py", path=older) == {"wrong": [], "missing": []}


@before_version("3.12")
def test_what_greenlet_keeps(interpreter: Interpreter) -> None:
    """After a stop no frame of a greenlet is traced, and the program's own hook is back."""
    found = run(interpreter, "greenlet_leaves.py", path=package(interpreter, GREENLET))
    assert found["during"] == [True] * 3 and found["again"] == [True] * 2
    assert found["traced"] == []
    assert found["after"] == [True] * 3
    assert found["hook"] and found["told"] == 6
    assert found["lost"]
    assert (found["thread"], found["end"], found["trace"]) == (["None"], "None", "None")


@before_version("3.12")
def test_unnoticed_greenlet(interpreter: Interpreter) -> None:
    """Where greenlet was loaded behind our back no line is reported, since one could be in the wrong file."""
    found = run(interpreter, "greenlet_unnoticed.py", path=package(interpreter, GREENLET))
    assert found["refused"][0] == found["still"][0] == "greenlets-unnoticed"
    assert found["again"]


@before_version("3.12")
def test_no_room_on_the_stack(interpreter: Interpreter) -> None:
    """At the limit of recursion lines stay with their file, or the measurement is refused."""
    found = run(interpreter, "greenlet_recursion.py", path=package(interpreter, GREENLET))
    assert found["wrong"] == []
