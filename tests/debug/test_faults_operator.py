"""The operator fails, or goes away, or does what should not be done: the program goes on."""

import signal
import time

import pytest

from attach import attach
from attach.debugging import Break
from attach.errors import DebugBusy, DebuggerClassNotUsable
from tests.debug.faults import NEVER, TICK, WORK, Commander, at, commander, faulty, opened, operator, race_interrupts
from tests.support import debugged
from tests.support.command import assert_explained, succeed
from tests.support.command import attach as command
from tests.support.environments import server_environment
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import wait_until

VERSIONS = on_interpreters("3.8", "3.11", "3.15")
ENDLESS = "while True: pass\n"
#: Longer than what waits in the agent and in the pipe.
HUGE = "p 'x' * 50_000_000\n"
LINES = ("p value\n", "where\n", "step\n", "break\n", "continue\n", "quit\n")


def _waiting(_command: Commander) -> None:
    pass


def _prompt(command: Commander) -> None:
    command.wait_until("stopped")


def _running(command: Commander) -> None:
    command.wait_until("stopped")
    command.feed("continue\n")
    command.wait_until("running")


def _evaluating(command: Commander) -> None:
    command.wait_until("stopped")
    command.feed(ENDLESS)
    time.sleep(0.1)


def _in_c(command: Commander) -> None:
    command.wait_until("stopped")
    command.feed("import time; time.sleep(0.7)\n")
    time.sleep(0.1)


def _output(command: Commander) -> None:
    command.wait_until("stopped")
    command.feed(HUGE)
    time.sleep(0.3)


MOMENTS = {
    "waiting": (_waiting, ("--break", at(NEVER))),
    "prompt": (_prompt, ("--break", at(WORK))),
    "running": (_running, ("--break", at(WORK), "--once")),
    "evaluating": (_evaluating, ("--break", at(WORK))),
    "in C": (_in_c, ("--break", at(TICK))),
    "output": (_output, ("--break", at(WORK))),
}


@VERSIONS
def test_killed(interpreter: Interpreter) -> None:
    """An operator who is killed at any moment leaves a program that goes on, with nothing armed in it."""
    with faulty(interpreter.path) as program:
        for name, (get_there, arguments) in MOMENTS.items():
            with commander(program.pid, *arguments) as killed:
                if name == "waiting":
                    killed.wait_until("waiting")
                get_there(killed)
                killed.process.send_signal(signal.SIGKILL)
                killed.process.wait()
                program.assert_goes_on()
        program.assert_as_before()


@VERSIONS
def test_cut(interpreter: Interpreter) -> None:
    """A channel that is cut, at the prompt and in mid-evaluation, is an operator who has left."""
    with faulty(interpreter.path) as program:
        for text in ("", ENDLESS):
            with operator(program.pid, breaks=(WORK,)) as user:
                user.wait_for_prompt()
                assert program.is_stopped("works")
                if text:
                    user.debug.feed(text)
                user.debug.leave()
                program.assert_goes_on()
        program.assert_as_before()


@VERSIONS
def test_endless_evaluation(interpreter: Interpreter) -> None:
    """An evaluation that never ends is interrupted by the operator, and by --stop-timeout, and nothing else is."""
    with faulty(interpreter.path) as program, operator(program.pid, breaks=(WORK,), stop_timeout=2.0) as user:
        user.wait_for_prompt()
        user.debug.feed(ENDLESS)
        wait_until(lambda: user.debug.interrupt() == "", "the evaluation to begin")
        user.wait_for_prompt()
        assert any("KeyboardInterrupt" in event[1] for event in user.events if event[0] == "out")
        assert user.ask("p works == value - 1\n").strip() == "True"
        user.debug.feed(ENDLESS)
        assert "--stop-timeout" in user.wait_for("closed")[1]
        program.assert_as_before()


@on_interpreters("3.8", "3.12")
def test_endless_evaluation_in_a_greenlet(interpreter: Interpreter) -> None:
    """Where gevent has replaced what tells threads apart, an evaluation that never ends is interrupted, too."""
    place = Break(str(debugged.SHOP), debugged.line("amount"))
    with debugged.gevent(server_environment(interpreter)) as server, operator(server.pid, breaks=(place,)) as user:
        user.wait_for("note")
        with server.asked("/price/10") as answer:
            assert user.wait_for("stopped")[1] in ("main", "MainThread")
            user.wait_for_prompt()
            user.debug.feed(ENDLESS)
            wait_until(lambda: user.debug.interrupt() == "", "the evaluation to begin")
            user.wait_for_prompt()
            user.debug.feed(ENDLESS)
            user.debug.leave()
            assert answer.result(30).text == "63"


@VERSIONS
def test_evaluation_in_c(interpreter: Interpreter) -> None:
    """One that C code holds goes on when that returns; the operator is told, and so is another one who wants in."""
    with faulty(interpreter.path) as program, operator(program.pid, breaks=(TICK,), stop_timeout=0.5) as user:
        user.wait_for_prompt()
        user.debug.feed("import time; time.sleep(4)\n")
        user.wait_for("note", lambda event: "C code" in event[1])
        assert program.is_stopped("ticks")
        with attach(program.pid) as other:
            assert "breakpoints" in other.debugging.reset()  # does not wait for it
        user.wait_for("closed")
        program.assert_as_before()


@pytest.mark.timeout(300)
@on_interpreters("3.8", "3.15")
def test_class_that_fails(interpreter: Interpreter) -> None:
    """A --pdbcls that raises in any of its methods closes the session at most: the program goes on."""
    with faulty(interpreter.path) as program:
        with attach(program.pid) as session:
            methods = program.ask("debugger_methods")
            assert len(methods) > 50
            for method in methods:
                try:
                    with opened(session, breaks=(WORK,), pdbcls=f"faulty_pdb:fails_in_{method}") as user:
                        for line in LINES:
                            if user.wait_for_any("closed", "prompt", "resumed") == "closed":
                                break
                            user.debug.feed(line)
                except DebuggerClassNotUsable as error:
                    assert "it fails in" in str(error), method
                assert program.ask("counts")["raised"] == [], method
        program.assert_as_before()


@VERSIONS
def test_interrupts_race(interpreter: Interpreter) -> None:
    """Of 1,000 interrupts that race with `continue`, none comes late: the program never sees one."""
    race_interrupts(interpreter.path, 100)


@on_interpreters("3.8", "3.12", "3.15")
def test_two_operators(interpreter: Interpreter) -> None:
    """The second operator is told who has the session, takes a snapshot while a thread is stopped, and can end it."""
    with faulty(interpreter.path) as program:
        succeed(program.pid, "start-coverage")
        with operator(program.pid, breaks=(WORK,)) as user:
            user.wait_for_prompt()
            with pytest.raises(DebugBusy, match="has a debugger session"), operator(program.pid, breaks=(TICK,)):
                pass
            assert_explained(command(program.pid, "debug"), 6, "[debug-busy]", "--reset")
            assert program.is_stopped("works")
            program.assert_goes_on("ticks")
            assert "faulty.py" in succeed(program.pid, "snapshot", "--text").stdout
            assert program.is_stopped("works")
            succeed(program.pid, "debug", "--reset")
            assert "reset" in user.wait_for("closed")[1]
        succeed(program.pid, "stop-coverage", "--discard")
        program.assert_as_before()
