"""The program forks, is replaced, or ends, while it is debugged."""

import contextlib
import os
import signal

import pytest

from attach.errors import AttachError, TargetExited
from tests.debug.faults import FORK, TICK, WORK, Faulty, Operator, at, commander, faulty, operator
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import wait_until

VERSIONS = on_interpreters("3.8", "3.11", "3.15")


def assert_child_clean(program: Faulty, seen: dict[str, object]) -> None:
    """A child has nothing of the debugger, from its first line on; it ran lines with breakpoints."""
    clean = {name: value for name, value in program.looks.items() if name in ("monitoring", "streams", "hooks")}
    for when in ("first", "then"):
        found = seen[when]
        assert isinstance(found, dict)
        found["streams"][0] = True  # multiprocessing gives a child its own stdin
        assert {name: found[name] for name in clean} == clean, when
        assert found["tracing"] == [None, None], when
        assert found["frames_traced"] == 0, when
    assert seen["works"] == 3


@VERSIONS
def test_fork(interpreter: Interpreter) -> None:
    """What the program forks, while it is armed or a thread is stopped, is a child without a debugger, which serves."""
    with faulty(interpreter.path) as program:
        with operator(program.pid, breaks=(TICK, WORK)) as user:
            user.wait_for_prompt()
            for how in ("forks", "multiprocesses"):
                assert_child_clean(program, program.ask(how))
            assert program.ask("spawns") == "42\n"
            assert user.ask("p 6 * 7\n") == "42\n"
        assert program.target.stdout.count("from the child") == 2
        program.assert_as_before()


@VERSIONS
def test_fork_while_armed(interpreter: Interpreter) -> None:
    """With breakpoints armed, and nothing stopped, a child has none."""
    with faulty(interpreter.path) as program:
        with operator(program.pid, breaks=(FORK,)) as user:
            user.wait_for("note")
            assert_child_clean(program, program.ask("multiprocesses"))
        program.assert_as_before()


@VERSIONS
def test_step_over_fork(interpreter: Interpreter) -> None:
    """The thread that steps forks: the operator stays with the parent, the child goes on alone."""
    with faulty(interpreter.path) as program:
        answers: list[dict[str, object]] = []
        with operator(program.pid, breaks=(FORK,)) as user:
            user.wait_for("note")
            with program.asking("forks", answers.append):
                user.wait_for_prompt()
                user.ask("next\n")
                assert user.ask("p pid > 1\n") == "True\n"
                user.debug.feed("continue\n")
                wait_until(lambda: answers, "the answer")
        assert_child_clean(program, answers[0])
        program.assert_as_before()


@VERSIONS
def test_fork_at_the_prompt(interpreter: Interpreter) -> None:
    """A child that the operator's own code forks ends with that code: it is no second server."""
    with faulty(interpreter.path) as program, operator(program.pid, breaks=(WORK,)) as user:
        user.wait_for_prompt()
        user.ask("import os\n")
        assert user.ask("os.waitpid(os.fork(), 0)[1]\n").endswith("0\n")  # 3.12 and later warn before
        assert program.target.children() == []
        user.debug.close()
        user.wait_for("closed")
        program.assert_as_before()


ENDS = {"execv": ("replaces",), "_exit": ("ends", 7), "SIGTERM": ("terminates",)}


@VERSIONS
@pytest.mark.parametrize("how", ENDS)
def test_end(interpreter: Interpreter, how: str) -> None:
    """A program that ends while a thread is stopped ends as it would have; the operator is told, exit code 3."""
    with faulty(interpreter.path) as program, commander(program.pid, "--break", at(WORK)) as command:
        command.wait_until("stopped")
        program.tell(*ENDS[how])
        if how == "execv":
            program.target.wait_for("^replaced$")
        else:
            assert program.target.wait_for_end() == (7 if how == "_exit" else -signal.SIGTERM)
        code, text = command.end()
        assert "Traceback" not in text
        assert (code, "[target-exited]" in text) == (3, True), text


@VERSIONS
def test_orderly_end(interpreter: Interpreter) -> None:
    """A program that has come to its end does not wait for a thread that is stopped."""
    with faulty(interpreter.path) as program, operator(program.pid, breaks=(WORK,), stop_timeout=0) as user:
        user.wait_for_prompt()
        program.ask("finishes")
        assert program.target.wait_for_end() == 0
        with contextlib.suppress(TargetExited):  # it has ended before that could be told
            assert user.wait_for("closed")[1] == "the program is ending"


def _at_the_prompt(_user: Operator) -> None:
    pass


def _evaluating(user: Operator) -> None:
    user.debug.feed("while True: pass\n")
    wait_until(lambda: user.debug.complete("va", "va", 0, 2) == [], "the evaluation to begin")


def _printing(user: Operator) -> None:
    user.debug.feed("p [sum(range(100)) for _ in iter(int, 1)]\n")
    wait_until(lambda: user.debug.complete("va", "va", 0, 2) == [], "the evaluation to begin")


@VERSIONS
@pytest.mark.parametrize("when", [_at_the_prompt, _evaluating, _printing])
def test_signal_handler(interpreter: Interpreter, when: object) -> None:
    """What a signal handler raises while its thread is stopped comes out in the program, where that is stopped."""
    assert callable(when)
    with faulty(interpreter.path, "exits") as program, operator(program.pid, breaks=(TICK,)) as user:
        user.wait_for_prompt()
        when(user)
        os.kill(program.pid, signal.SIGTERM)
        program.target.wait_for("^leaves with 5$")
        assert program.target.wait_for_end() == 9
        try:
            assert "SystemExit" in user.wait_for("closed")[1]
        except AttachError:  # it was not told before the program had ended
            pass
