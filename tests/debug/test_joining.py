"""The program's own breakpoint() and pdb.set_trace() join a session, and are what they were after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attach.debugging import Break
from tests.debug.operating import Operator, debugging
from tests.support.interpreters import Interpreter, from_version, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Target, running, wait_until

CALLING = TARGETS / "calling_debugger.py"
NEVER = 1 + CALLING.read_text().splitlines().index('    return "for a breakpoint that waits"')


class Caller:
    """The program, which calls what it is asked to."""

    def __init__(self, target: Target, requests: Path) -> None:
        self.target = target
        self._requests = requests
        self._answers = 0

    def asked(self, *names: str) -> None:
        """It will call these, one after the other."""
        new = self._requests.with_suffix(".new")
        new.write_text(" ".join(names))
        new.rename(self._requests)

    def answers(self, count: int = 1) -> list[str]:
        """The next lines that it prints about what came of its calls."""
        wait_until(lambda: len(self._lines()) >= self._answers + count, f"{count} more of {self._lines()}")
        self._answers += count
        return self._lines()[self._answers - count : self._answers]

    def _lines(self) -> list[str]:
        return [line for line in self.target.stdout.splitlines()[1:] if ": " in line and line[-1:] != " "]


@contextmanager
def calling(interpreter: Interpreter, folder: Path, **env: str) -> Iterator[Caller]:
    requests = folder / "requests"
    with running([interpreter.path, CALLING, requests], ready="^ready$", env=env) as target:
        yield Caller(target, requests)


@pytest.fixture
def caller(interpreter: Interpreter, tmp_path: Path) -> Iterator[Caller]:
    with calling(interpreter, tmp_path) as caller:
        yield caller


def goes_on(operator: Operator) -> None:
    operator.debug.feed("continue")
    operator.until("resumed")


@contextmanager
def waiting(caller: Caller) -> Iterator[Operator]:
    """A session that waits for a line which does not run, and is closed by the operator at the end."""
    with debugging(caller.target.pid, breaks=(Break("calling_debugger.py", NEVER),)) as operator:
        yield operator
        operator.debug.close()
        operator.until("closed")


@on_interpreters("3.8", "3.15")
@pytest.mark.parametrize("how", ["breakpoint", "set_trace", "header"])
def test_joins(caller: Caller, how: str) -> None:
    """The thread stops where it calls, steps from there and goes on; a header is shown; afterwards all is as before."""
    with waiting(caller) as operator:
        caller.asked(how)
        shown = operator.wait_for_prompt()
        assert f"call_{how}()\n-> " in shown
        assert operator.told("stopped")[0][5:] == (f"call_{how}", "breakpoint()")
        assert ("here it is\n" in shown) == (how == "header")
        assert operator.does("p value") == f"{how!r}\n"
        assert "-> return value" in operator.does("next")
        goes_on(operator)
        assert caller.answers() == [f"{how}: {how}"]
    caller.asked("same")
    assert caller.answers() == ["same: True"]


@on_interpreters("3.8", "3.15")
def test_what_does_not_join(caller: Caller) -> None:
    """Who kept pdb's function calls that, and who has a breakpointhook of its own is not disturbed."""
    with waiting(caller) as operator:
        caller.asked("own", "kept")
        own, kept = caller.answers(2)
        assert own == "own: (1, 2)"
        assert kept in ("kept: BdbQuit", "kept: SystemExit")  # pdb at the end of its input, as ever
        assert "stopped" not in {event[0] for event in operator.events}


@on_interpreters("3.8", "3.15")
def test_in_what_the_operator_evaluates(caller: Caller) -> None:
    """A call in code that the operator evaluates does not stop a second time, nor end anything."""
    with waiting(caller) as operator:
        caller.asked("breakpoint")
        operator.wait_for_prompt()
        assert operator.does("breakpoint()") == ""
        assert operator.does("call_set_trace()") == "'set_trace'\n"
        goes_on(operator)
        assert caller.answers() == ["breakpoint: breakpoint"]


@on_interpreters("3.8", "3.15")
def test_another_thread_is_stopped(caller: Caller) -> None:
    """A thread that calls while another one is stopped goes on at once; in the end the operator is told how many."""
    with waiting(caller) as operator:
        caller.asked("threaded:header")
        operator.wait_for_prompt()
        caller.asked("breakpoint", "threaded:set_trace")
        assert sorted(caller.answers(2)) == ["breakpoint: breakpoint", "set_trace: set_trace"]
        goes_on(operator)
        assert caller.answers() == ["header: header"]
    assert any("passed" in note for _, note in operator.told("note")), operator.events


@on_interpreters("3.8", "3.15")
def test_closed_on_the_way(caller: Caller) -> None:
    """A session that ends while the thread is stopped in its call lets it go on, and pdb's own is back."""
    with waiting(caller) as operator:
        caller.asked("breakpoint")
        operator.wait_for_prompt()
    assert caller.answers() == ["breakpoint: breakpoint"]
    caller.asked("same", "set_trace")
    assert caller.answers(2) in (["same: True", f"set_trace: {how}"] for how in ("BdbQuit", "SystemExit"))


@on_interpreters("3.8", "3.15")
@pytest.mark.parametrize(
    ("value", "answer"), [("0", "breakpoint: breakpoint"), ("os.getcwd", "breakpoint: breakpoint")]
)
def test_pythonbreakpoint(interpreter: Interpreter, tmp_path: Path, value: str, answer: str) -> None:
    """PYTHONBREAKPOINT says what breakpoint() is, session or not."""
    with calling(interpreter, tmp_path, PYTHONBREAKPOINT=value) as caller, waiting(caller) as operator:
        caller.asked("breakpoint")
        assert caller.answers() == [answer]
        caller.asked("set_trace")
        operator.wait_for_prompt()
        goes_on(operator)
        assert caller.answers() == ["set_trace: set_trace"]


@from_version("3.14")
def test_newer_calls(caller: Caller) -> None:
    """set_trace(commands=...) runs them first, and set_trace_async() stops in the coroutine."""
    with waiting(caller) as operator:
        caller.asked("commands", "coroutine")
        shown = operator.wait_for_prompt()
        assert "'commands'\n" in shown
        assert "-> return value" in shown
        goes_on(operator)
        assert "-> await pdb.set_trace_async()" in operator.wait_for_prompt()
        assert operator.does("p value") == "'coroutine'\n"
        assert "-> return value" in operator.does("next")
        goes_on(operator)
        assert caller.answers(2) == ["commands: commands", "coroutine: coroutine"]
