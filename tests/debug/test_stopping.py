"""Stopping a thread that already runs: that one, at its next line, and nothing is left of it.

Each promise is kept by a program of ``programs`` that stops its own threads.
"""

from typing import Any

import pytest

from tests.agent.coverage.support import package
from tests.debug.inside import PROGRAMS, run
from tests.support.interpreters import Interpreter, before_version, from_version, on_interpreters
from tests.support.marks import lines_marked

WAITING = ("sleep", "selecting", "lock", "get", "accept", "join", "asynchronous")


def test_busy_threads(interpreter: Interpreter) -> None:
    """Whatever Python a thread runs, it stops, once, with its tracing as it was, while other threads run on."""
    found = run(interpreter, "stop_busy.py")
    for function, seen in found.items():
        assert (set(seen["stops"]), seen["threads"], seen["held"]) == ({1}, 0, True), function
        assert (seen["meanwhile"], seen["left"]) == ([], []), function
    assert found["one_line"]["names"] == ["one_line"]
    assert found["looping"]["names"] == ["looping"]
    assert set(found["calling"]["names"]) <= {"calling", "called"}
    assert set(found["sorting"]["names"]) <= {"sorting", "<lambda>"}


@on_interpreters("3.8", "3.11", "3.12", "3.15")
@pytest.mark.parametrize("way", ["sleep", "get"])
def test_waiting_main_thread(interpreter: Interpreter, way: str) -> None:
    """The main thread is stopped in what it waits in, and waits on for the time that remains."""
    assert_stopped_there(run(interpreter, "stop_blocked.py", way), way)


@on_interpreters("3.8", "3.15")
@pytest.mark.parametrize("way", [way for way in WAITING if way not in ("sleep", "get")])
def test_waiting_in_other_calls(interpreter: Interpreter, way: str) -> None:
    """So it is in other calls, and with a wake-up descriptor: its owner hears of nothing."""
    assert_stopped_there(run(interpreter, "stop_blocked.py", way), way)


@on_interpreters("3.8", "3.12")
@pytest.mark.parametrize("way", ["uses_sigurg", "blocks_sigurg"])
def test_signal_in_use(interpreter: Interpreter, way: str) -> None:
    """A program that uses SIGURG keeps it: another signal wakes the main thread."""
    assert_stopped_there(run(interpreter, "stop_blocked.py", way), way)


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_no_handlers_at_all(interpreter: Interpreter) -> None:
    """So it is where no signal has a handler, as in a program that a shell has started in the background."""
    assert_stopped_there(run(interpreter, "stop_blocked.py", "no_handlers"), "no_handlers")


@on_interpreters("3.8", "3.12")
@pytest.mark.parametrize(
    ("way", "why_not"),
    [
        ("uses_both", "the program uses SIGURG and SIGWINCH"),
        ("waits_for_signal", "it waits for a signal, and would take ours for it"),
    ],
)
def test_cannot_be_woken(interpreter: Interpreter, way: str, why_not: str) -> None:
    """Where no signal is free, or the program itself waits for one, it is not woken, and it is said why."""
    found = run(interpreter, "stop_blocked.py", way)
    assert found["problem"].startswith("blocked in ")
    assert found["problem"].endswith(f", and cannot be woken: {why_not}")
    assert (found["loop"], found["handlers"], found["thread"], found["left"]) == ([], True, True, [])


@on_interpreters("3.8", "3.12", "3.15")
def test_in_c(interpreter: Interpreter) -> None:
    """A thread in C code that does not look at signals is stopped when the call returns, and no handler is left."""
    found = run(interpreter, "stop_blocked.py", "in_c")
    assert [name for name, _ in found["stops"]] == ["in_c"]
    assert (found["handlers"], found["meanwhile"], found["left"]) == (True, [], [])


def assert_stopped_there(found: Any, way: str) -> None:
    assert (found["problem"], found["revoked"], len(found["stops"])) == ("", False, 1)
    assert found["stops"][0][0] != "<module>", "it was stopped after the wait"
    assert (found["thread"], found["loop"], found["handlers"]) == (True, [], True), way
    assert (found["meanwhile"], found["left"]) == ([], [])
    assert found["seconds"] > 1.49


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_other_threads(interpreter: Interpreter) -> None:
    """Who is blocked is told, with where; who waits for the GIL is not; who may not be stopped is refused."""
    found = run(interpreter, "stop_others.py")
    path = str(PROGRAMS / "stop_others.py")
    for function in ("reading", "receiving"):
        problem, revoked, frames, left = found[function]
        assert problem.startswith(f"blocked in {function} at {path}:")
        assert (revoked, frames, left) == (True, [], [])
    problem, function, before, after, revoked, left = found["lock"]
    assert problem.startswith(f"blocked in lock at {path}:")
    assert (function, before, after, revoked, left) == ("lock", [], [1, 2], False, [])
    problem, revoked, frames, left = found["revoked"]
    assert problem.startswith(f"blocked in lock at {path}:")
    assert (revoked, frames, left) == (True, [], [])
    assert found["gil"] == ["", "counting"]
    assert found["nobody"] == ["no-such-thread", "no thread 12345 runs Python in this process"]
    assert found["ended"] == [True, [], []]
    assert found["own"][0] == "no-such-thread" and found["own"][1].endswith("one of live-attach's own")
    assert found["closed"] == [[], []]


def test_revoked_in_time(interpreter: Interpreter) -> None:
    """Thousands of requests, each revoked at about the moment when it comes: none comes after that, nothing is left."""
    times = 10_000 if interpreter.minor == "3.12" else 1000
    found = run(interpreter, "stop_races.py", str(times))
    assert (found["late"], found["wrong"], found["left"]) == (0, 0, [])
    assert found["fired"] > times / 100 and found["revoked"] > times / 100


def test_traced_by_the_program(interpreter: Interpreter) -> None:
    """What the program traces a thread with sees every event all the same, and traces it while it is stopped."""
    found = run(interpreter, "stop_traced.py")
    assert (found["different"], found["meanwhile"], found["left"]) == ([], [], [])
    assert found["ended"]
    assert len(found["names"]) > 1


@before_version("3.13")
def test_measured_by_us(interpreter: Interpreter) -> None:
    """A measurement with coverage.py's tracer, or with sys.monitoring, has every line, and names no other tracer."""
    found = run(interpreter, "stop_measured.py", tracer=interpreter.version < (3, 12))
    assert set(found["stops"]) == {1}
    path = PROGRAMS / "stop_measured.py"
    assert set(found["lines"]) == lines_marked(path, "ran"), found
    assert (found["wrong"], list(found["others"])) == ([], [])
    assert found["made"] > 30


@on_interpreters("3.8", "3.10", "3.11", "3.12", "3.13")
def test_greenlets(interpreter: Interpreter) -> None:
    """A thread is stopped in the greenlet that runs; the others go on with it afterwards."""
    found = run(interpreter, "stop_greenlets.py", path=package(interpreter, "greenlet>=3.1,<4"))
    assert set(found["names"]) <= {"one", "two", "run"}
    assert (found["meanwhile"], found["left"]) == ([], [])


@from_version("3.12")
def test_ids_of_others(interpreter: Interpreter) -> None:
    """No id of sys.monitoring that another tool holds is taken; with none left it is said who has them."""
    found = run(interpreter, "stop_ids.py")
    assert found["problem"].startswith("blocked in run at ")
    assert (found["pending"], found["revoked"], found["after"]) == (["live-attach", "other"], True, ["other"])
    assert found["refused"][0] == "monitoring-busy"
    assert (found["all"], found["events"]) == (["other"] * 6, [0] * 6)
