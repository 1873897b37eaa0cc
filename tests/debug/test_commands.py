"""The commands of pdb, in a process that goes on."""

from collections.abc import Iterator

import pytest

from attach.debugging import Break
from tests.debug.operating import Operator, debugging
from tests.support.interpreters import Interpreter, from_version, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Target, running

STEPPING = TARGETS / "stepping.py"
LINES = STEPPING.read_text().splitlines()
FAILING = 'fail("value")'


def line_of(text: str) -> int:
    """The number of the line with this text."""
    (number,) = [number for number, line in enumerate(LINES, 1) if line.strip() == text]
    return number


@pytest.fixture
def target(interpreter: Interpreter) -> Iterator[Target]:
    with running([interpreter.path, STEPPING], ready="^ready$") as target:
        yield target


@pytest.fixture
def operator(target: Target) -> Iterator[Operator]:
    """At the first line of `work`."""
    with debugging(target.pid, breaks=(Break("stepping.py", line_of("total = 0")),)) as operator:
        operator.wait_for_prompt()
        yield operator
        operator.leaves()
    seen = target.stdout
    assert "wrong" not in seen


def test_stepping(operator: Operator) -> None:
    """step, next, return, until, up, down and where go through the code as pdb does."""
    assert "-> for i in generate(n):" in operator.does("next")
    assert "--Call--" in operator.does("step")
    assert "generate(3)" not in operator.does("where") and "generate()" in operator.does("where")
    assert "> " in operator.does("up") and "work()" in operator.does("where")
    assert "generate()" in operator.does("down")
    operator.does("up")
    assert "-> total += helper(i)" in operator.does("next")
    assert "-> try:" in operator.does(f"until {line_of(FAILING) - 1}")
    operator.does("clear 1")
    shown = operator.does("tbreak helper")
    assert f"stepping.py:{line_of('c = a + b')}" in shown
    assert "-> c = a + b" in operator.does("continue")
    assert "--Return--" in operator.does("return")
    assert "2" in operator.does("retval")


def test_looking(operator: Operator) -> None:
    """list, longlist, source, args, p, pp, whatis, display, alias and interact show what there is."""
    assert "->" in operator.does("list")
    assert "def work(n):" in operator.does("longlist")
    assert "def helper(a, b=2):" in operator.does("source helper")
    assert "n = 3" in operator.does("args")
    assert operator.does("p n * 2") == "6\n"
    assert operator.does("pp {'a': n}") == "{'a': 3}\n"
    assert "Function helper" in operator.does("whatis helper")
    assert operator.does("whatis n") == "<class 'int'>\n"
    assert "display n: 3" in operator.does("display n")
    operator.does("alias twice p 2 * %1")
    assert operator.does("twice n") == "6\n"
    operator.does("unalias twice")
    assert "NameError" in operator.does("twice")
    operator.does("interact")
    assert operator.prompt == ">>> "
    assert operator.does("n + 1") == "4\n"
    assert "SystemExit" in operator.does("raise SystemExit")
    operator.does("exit()")
    assert operator.prompt == "(Pdb) "
    assert "Documented commands" in operator.does("help")
    assert "restarted" in operator.does("run")
    assert "restarted" in operator.does("restart")


def test_evaluating(operator: Operator) -> None:
    """Statements and expressions are evaluated in the frame: assignments stay, errors are told, nothing is left."""
    operator.does("x = n + 10")
    assert operator.does("x") == "13\n"
    assert operator.does("!n") == "3\n"
    assert operator.does("for i in range(2): i\n") == "0\n1\n"
    assert operator.does("print('seen', n)") == "seen 3\n"
    assert operator.does("def double(y):\n    return 2 * y\n") == ""
    assert operator.does("double(4)") == "8\n"
    assert "ZeroDivisionError" in operator.does("1 / 0")
    assert "SyntaxError" in operator.does("1 +")
    assert "SystemExit" in operator.does("raise SystemExit(3)")
    assert operator.does("None") == ""
    operator.does("n = 1")
    operator.does("next")
    operator.does("n = 3")
    assert operator.does("p n") == "3\n"


def test_breakpoints(operator: Operator) -> None:
    """break, tbreak, condition, ignore, disable, enable, commands and clear, each armed and disarmed as it says."""
    adding = line_of("total += helper(i)")
    assert "Breakpoint 2 at" in operator.does(f"break {adding}, i == 1")
    assert "-> total += helper(i)" in operator.does("continue")
    assert operator.does("p i") == "1\n"
    operator.does("condition 2 i == 2")
    operator.does("continue")
    assert operator.does("p i") == "2\n"
    operator.does("disable 2")
    assert "-> total = 0" in operator.does("continue")
    operator.does("enable 2")
    operator.does("condition 2")
    operator.does("ignore 2 2")
    operator.does("continue")
    assert operator.does("p i") == "2\n"
    operator.does("commands 2")
    assert operator.prompt == "(com) "
    operator.does("p 'here', i")
    operator.does("end")
    operator.does("disable 1")
    assert "('here', 0)" in operator.does("continue")
    listed = operator.does("break")
    assert f"stepping.py:{adding}" in listed
    assert "already hit" in listed
    assert "Deleted breakpoint 2" in operator.does("clear 2")
    assert "Blank or comment" in operator.does(f"break {line_of('def main():') - 1}")
    assert "***" in operator.does("break nothing_like_it")


def test_jump(operator: Operator) -> None:
    """jump sets the line that runs next."""
    operator.does("next")
    assert "-> total = 0" in operator.does(f"jump {line_of('total = 0')}")
    assert "-> for i in generate(n):" in operator.does("next")


def test_nested(operator: Operator) -> None:
    """debug CODE steps through it in a debugger of its own, and quitting that one only leaves it."""
    shown = operator.does("debug helper(5)")
    assert "ENTERING RECURSIVE DEBUGGER" in shown
    assert operator.prompt == "((Pdb)) "
    operator.does("step")
    assert "-> c = a + b" in operator.does("step") + operator.does("step")
    assert operator.does("p a") == "5\n"
    assert "LEAVING RECURSIVE DEBUGGER" in operator.does("quit")
    assert operator.prompt == "(Pdb) "
    assert "-> for i in generate(n):" in operator.does("next")


def test_commands_before_the_prompt(target: Target) -> None:
    """What is given with -c runs first, the resuming commands included."""
    place = Break("stepping.py", line_of("total = 0"))
    with debugging(target.pid, breaks=(place,), commands=("p 'first', n", "next", "p 'second', total")) as operator:
        shown = operator.wait_for_prompt()
        assert "('first', 3)" in shown
        assert "('second', 0)" in shown
        operator.leaves()


@from_version("3.13")
def test_exceptions(target: Target) -> None:
    """Where an exception is raised, `exceptions` walks its chain."""
    with debugging(target.pid, exception="ValueError") as operator:
        assert "ValueError: bad value" in operator.wait_for_prompt()
        assert "KeyError" in operator.does("exceptions")
        assert "-> raise KeyError(text)" in operator.does("exceptions 0")
        operator.leaves()


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_end_of_a_thread(interpreter: Interpreter) -> None:
    """A thread that is stepped to its end leaves the session, which can stop another."""
    place = Break("stepping.py", line_of("helper(1)"))
    with (
        running([interpreter.path, STEPPING, "--spawning"], ready="^ready$") as target,
        debugging(target.pid, breaks=(place,)) as operator,
    ):
        operator.wait_for_prompt()
        assert operator.told("stopped")[0][1] == "brief"
        operator.does("clear 1")
        for _ in range(30):  # through threading's own code, to the last frame
            operator.debug.feed("next")
            if operator.until("prompt", "resumed")[0] == "resumed":
                break
        else:
            pytest.fail("it steps on")
        assert operator.debug.stop("main") == ""
        operator.wait_for_prompt()
        assert operator.told("stopped")[-1][1] == "MainThread"
        operator.leaves()


def test_tables_of_others(target: Target) -> None:
    """Breakpoints of a session are not in the tables of the program's own debuggers."""
    with debugging(target.pid, breaks=(Break("stepping.py", line_of("total = 0")),)) as operator:
        operator.wait_for_prompt()
        operator.does("import bdb")
        operator.leaves()
        output: list[bytes] = []
        operator.session.run(
            "import bdb; print(bdb.Breakpoint.bplist, bdb.Breakpoint.next)",
            output=lambda _stream, data: output.append(data),
        )
        assert b"".join(output) == b"{} 1\n"
