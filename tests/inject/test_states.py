"""Each way gets into a program whatever it is doing, or says why not, and it goes on as if nothing had happened."""

from pathlib import Path

import pytest

from attach.errors import NoEvaluationPoint
from attach.inject import Injection
from tests.inject import matrix
from tests.inject.matrix import BY_NAME, REFUSING_REMOTE_EXEC, RUNNING, WAITING, Parked
from tests.inject.support import assert_nothing_left, end_of_state, in_state, inject_test_source, is_waiting, marks
from tests.support.interpreters import Interpreter, from_version, on_interpreters
from tests.support.picture import assert_untouched, picture
from tests.support.processes import wait_until

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "reference" / "states.md"


def assert_rung(injection: Injection, state: str) -> None:
    """It came by the rung of ptrace that the table says."""
    assert injection.method == "ptrace"
    parked = BY_NAME[state].parked
    if parked is Parked.ALWAYS:
        assert ", parked in " in injection.detail
    elif parked is Parked.NEVER:
        # the thread that it starts may wait for the GIL, and so be parked itself at the next look
        assert any(step.startswith("pending call") for step, _ in injection.steps)


@pytest.mark.parametrize("state", WAITING)
def test_a_waiting_program_is_entered_and_waits_on(interpreter: Interpreter, state: str) -> None:
    """A program that waits is entered, nothing stays in it, and it still waits and can be interrupted."""
    with in_state(interpreter, state) as target:
        wait_until(lambda: is_waiting(target.pid), "the program to wait")
        before = picture(target.pid)
        assert_rung(inject_test_source(target.pid), state)
        assert_nothing_left(before, target.pid)
        wait_until(lambda: is_waiting(target.pid), "the program to wait again")
        assert end_of_state(target)["eintr"] == 0  # callers that know nothing of PEP 475 never see it


@on_interpreters("3.8", "3.12", "3.15")
def test_the_thread_that_minds_least_is_borrowed(interpreter: Interpreter) -> None:
    """A wait that the kernel goes on with is interrupted rather than one that would have to be begun anew."""
    with in_state(interpreter, "raw_threads") as target:
        wait_until(lambda: is_waiting(target.pid), "the program to wait")
        assert ", parked in poll," in inject_test_source(target.pid).detail
        assert end_of_state(target)["eintr"] == 0


@pytest.mark.parametrize("state", RUNNING)
def test_a_running_program_is_entered_and_runs_on(interpreter: Interpreter, state: str) -> None:
    """A program that computes, or whose threads do, is entered and nothing stays in it."""
    with in_state(interpreter, state) as target:
        before = picture(target.pid)
        injection = inject_test_source(target.pid)
        if interpreter.version < (3, 14) or BY_NAME[state].parked is Parked.ALWAYS:
            assert_rung(injection, state)
        assert_nothing_left(before, target.pid)
        end_of_state(target)


@pytest.mark.parametrize("state", [state for state in RUNNING if BY_NAME[state].parked is not Parked.ALWAYS])
@from_version("3.14")
def test_a_pending_call_where_pep_768_exists(interpreter: Interpreter, state: str) -> None:
    """``--method ptrace`` does not need PEP 768, not even where no thread is parked."""
    with in_state(interpreter, state) as target:
        before = picture(target.pid)
        assert_rung(inject_test_source(target.pid, method="ptrace"), state)
        assert_nothing_left(before, target.pid)
        end_of_state(target)


@pytest.mark.parametrize("state", [state for state in WAITING + RUNNING if BY_NAME[state].remote_exec])
@from_version("3.14")
def test_remote_exec_gets_in_by_itself(interpreter: Interpreter, state: str) -> None:
    """``--method remote-exec`` enters every program that Python itself makes wait, and leaves no request behind."""
    with in_state(interpreter, state) as target:
        wait_until(lambda: state in RUNNING or is_waiting(target.pid), "the program to wait")
        before = picture(target.pid)
        assert inject_test_source(target.pid, method="remote-exec").method == "remote-exec"
        assert_nothing_left(before, target.pid)
        end_of_state(target)


@pytest.mark.parametrize("state", REFUSING_REMOTE_EXEC)
@from_version("3.14")
def test_remote_exec_gives_up(interpreter: Interpreter, state: str) -> None:
    """Where nothing looks for requests ``--method remote-exec`` says so, and takes its request back."""
    with in_state(interpreter, state) as target:
        wait_until(lambda: is_waiting(target.pid), "the program to wait")
        before = picture(target.pid)
        with pytest.raises(NoEvaluationPoint):
            inject_test_source(target.pid, method="remote-exec", timeout=0.3)
        assert_untouched(before, target.pid)
        assert not marks(target.pid)
        assert end_of_state(target)["eintr"] == 0


def test_the_documentation_has_this_table() -> None:
    """docs/reference/states.md shows what is tested here."""
    assert matrix.table() in DOCUMENT.read_text()
