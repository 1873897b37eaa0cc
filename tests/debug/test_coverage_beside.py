"""Coverage while an operator debugs: what the program runs is measured to the line, what is evaluated is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import attach
from attach.debugging import Break, Options
from attach.errors import CoverageRefused
from attach.project.scope import Scope
from attach_agent import wire
from tests.debug.operating import Operator
from tests.support.interpreters import Interpreter
from tests.support.marks import TARGETS
from tests.support.processes import Target, running, wait_until

MEASURED = TARGETS / "measured.py"
LINES = MEASURED.read_text().splitlines()
#: The lines of the function that waits for what to do, whose rounds are not alike.
WAITING = range(1 + LINES.index("def wait(path):"), len(LINES) + 1)
SCOPES: dict[str, dict[str, Any]] = {
    "lines": {"branch": False},
    "branches": {"branch": True},
    "traced": {"branch": True, "core": "ctracer"},
    "probes": {"branch": False, "core": "probes"},
}
FIRST = Break("measured.py", 1 + LINES.index("    total = 0"))
EVALUATED = ("    halved = number / 2", "    if halved < 1:", "        halved = 1", "    return halved")
#: Each core, and each way in which breakpoints and it meet.
SOME = (
    *(("3.8", "lines"), ("3.10", "branches"), ("3.11", "branches"), ("3.11", "probes")),
    *(("3.12", "branches"), ("3.13", "lines"), ("3.15", "branches"), ("3.15", "traced")),
)
some_ways = pytest.mark.parametrize(("interpreter", "way"), SOME, indirect=["interpreter"], scope="session")


class Program:
    """It runs its functions one by one, as it is told."""

    def __init__(self, target: Target, told: Path) -> None:
        self.target = target
        self.pid = target.pid
        self._told = told
        self._count = 0

    def tell(self, *functions: str) -> None:
        with self._told.open("a") as told:
            told.write("".join(f"{function}\n" for function in functions))
        self._count += len(functions)

    def did(self, *functions: str) -> None:
        """Have it run these; returns when it has."""
        self.tell(*functions)
        self.wait()

    def wait(self) -> None:
        self.target.wait_for(f"^did {self._count}$")


@contextmanager
def program(interpreter: Interpreter, folder: Path, name: str) -> Iterator[Program]:
    told = folder / name
    told.write_text("")
    with running([interpreter.path, MEASURED, told], ready="^ready$") as target:
        yield Program(target, told)


@contextmanager
def measuring(pid: int, way: str) -> Iterator[attach.Session]:
    with attach.Session.attach(pid) as session:
        start(session, way)
        yield session


def start(session: attach.Session, way: str) -> None:
    session.coverage.start(Scope(include=(str(MEASURED),), **SCOPES[way]))


@contextmanager
def operating(session: attach.Session, **options: Any) -> Iterator[Operator]:
    """A session that waits for `stopped`; the agent stays."""
    with session.debugging.open(Options(**{"breaks": (FIRST,), **options})) as debug:
        yield Operator(session, debug)
    wait_until(lambda: not session.debugging.status(), "the end of the session")


def recorded(session: attach.Session) -> set[int]:
    """The lines of the program, or its arcs as `wire` numbers them. Nobody else has traced it."""
    measured = session.coverage.snapshot()
    assert measured.others == ()
    if measured.arcs is None:
        (lines,) = measured.lines.values()
        return set(wire.unpack_lines(lines))
    (arcs,) = measured.arcs.values()
    return {number for number in wire.unpack_arcs(arcs) if wire.arc_ends(number)[0] not in WAITING}


def undisturbed(interpreter: Interpreter, folder: Path, way: str, *functions: str) -> set[int]:
    """What is recorded of these if nobody debugs."""
    with program(interpreter, folder, "undisturbed") as alone, measuring(alone.pid, way) as session:
        alone.did(*functions)
        return recorded(session)


def evaluates(operator: Operator) -> None:
    """What must not be measured: a function of the program's, by expression, by statement and by a command of pdb."""
    assert operator.does("evaluated(8)") == "4.0\n"
    assert operator.does("some = [evaluated(n) for n in range(3)]") == ""
    assert operator.does("display evaluated(2)")
    operator.does("undisplay evaluated(2)")


@some_ways
def test_stepping(interpreter: Interpreter, way: str, tmp_path: Path) -> None:
    """All lines that run under step, next, until, return and after it are recorded, and not one more."""
    expected = undisturbed(interpreter, tmp_path, way, "stopped", "after")
    if way == "probes":  # which do not know who runs a line for the first time
        expected |= {1 + LINES.index(line) for line in EVALUATED}
    with program(interpreter, tmp_path, "debugged") as told, measuring(told.pid, way) as session:
        with operating(session) as operator:
            told.tell("stopped")
            operator.wait_for_prompt()
            evaluates(operator)
            operator.does("next")
            operator.does("step")
            operator.does("step")
            evaluates(operator)
            operator.does("return")
            operator.does("next")
            operator.does("next")
            operator.does("next")
            operator.does(f"until {1 + LINES.index('    if total > 100:')}")
            evaluates(operator)
            operator.leaves()
        told.wait()
        told.did("after")
        assert recorded(session) == expected


@some_ways
def test_joining(interpreter: Interpreter, way: str, tmp_path: Path) -> None:
    """At the program's own breakpoint() nothing is measured either but what it runs itself."""
    with program(interpreter, tmp_path, "debugged") as told, measuring(told.pid, way) as session:
        with operating(session) as operator:
            told.tell("asks")
            operator.wait_for_prompt()
            evaluates(operator)
            operator.does("next")
            operator.does("next")
            operator.leaves()
        told.wait()
        told.did("after")
        found = recorded(session)
    lines = {abs(n) for number in found for n in wire.arc_ends(number)} if SCOPES[way]["branch"] else found
    first = 1 + LINES.index("    before = number + 1")
    assert {first, first + 1, first + 2, first + 3} <= lines
    assert {1 + LINES.index("    found.append(caught())"), 1 + LINES.index("        name = repr(error)")} <= lines
    assert way == "probes" or not lines & {1 + LINES.index(line) for line in EVALUATED}


@some_ways
def test_started_meanwhile(interpreter: Interpreter, way: str, tmp_path: Path) -> None:
    """Started while a breakpoint is armed, and while a thread is stopped, it measures what runs from then on."""
    expected = undisturbed(interpreter, tmp_path, way, "again", "stopped", "after")
    with program(interpreter, tmp_path, "debugged") as told, attach.Session.attach(told.pid) as session:
        with operating(session) as operator:
            start(session, way)
            told.did("again")
            told.tell("stopped")
            operator.wait_for_prompt()
            operator.leaves()
        told.wait()
        told.did("after")
        assert recorded(session) == expected
        session.coverage.stop(discard=True)
        with operating(session) as operator:
            told.tell("stopped")
            operator.wait_for_prompt()
            start(session, way)
            operator.does("next")
            operator.leaves()
        told.wait()
        told.did("again", "after")
        assert elsewhere(recorded(session)) == elsewhere(expected)


def elsewhere(recorded: set[int]) -> set[int]:
    """Without the line where the thread was stopped, which had begun before, and the steps to and from there."""
    at = {FIRST.line, FIRST.line + 1}
    return {number for number in recorded if number != FIRST.line and not at & {abs(n) for n in wire.arc_ends(number)}}


@pytest.mark.parametrize(
    ("interpreter", "way"), [("3.8", "lines"), ("3.11", "probes"), ("3.13", "branches")], indirect=["interpreter"]
)
def test_refused_while_stepping(interpreter: Interpreter, way: str, tmp_path: Path) -> None:
    """A tracer cannot come to a thread that is stepped through: that is said, and nothing is changed."""
    with program(interpreter, tmp_path, "debugged") as told, attach.Session.attach(told.pid) as session:
        with operating(session) as operator:
            told.tell("stopped")
            operator.wait_for_prompt()
            operator.does("next")
            with pytest.raises(CoverageRefused, match="an operator who debugs it"):
                start(session, way)
            assert "-> for number in generate(count)" in operator.does("next")
            operator.leaves()
        told.wait()
        start(session, way)
        told.did("after")
        assert recorded(session)


@some_ways
def test_while_stopped(interpreter: Interpreter, way: str, tmp_path: Path) -> None:
    """A snapshot, a stop and a start while a thread is stopped do what they do without a debugger."""
    expected = undisturbed(interpreter, tmp_path, way, "stopped", "after")
    with program(interpreter, tmp_path, "debugged") as told, measuring(told.pid, way) as session:
        with operating(session) as operator:
            told.tell("stopped")
            operator.wait_for_prompt()
            operator.does("next")
            assert expected > recorded(session) > set()
            operator.does("next")
            operator.leaves()
        told.wait()
        told.did("after")
        assert recorded(session) == expected
        with operating(session) as operator:
            told.tell("stopped")
            operator.wait_for_prompt()
            operator.does("next")
            session.coverage.stop(discard=True)
            operator.does("next")
            operator.leaves()
        told.wait()
        start(session, way)
        told.did("stopped", "after")
        assert recorded(session) == expected
