"""``attach PID debug`` at a terminal: what an operator types and sees, and what Ctrl-C means when."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import attach, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Target, running, wait_until
from tests.support.terminal import Terminal, attach_on_terminal

PROGRAM = TARGETS / "prompted.py"
#: What is tested here is on the operator's side; where the process has a say, the oldest and the newest do.
SOME = on_interpreters("3.12")
ENDS = on_interpreters("3.8", "3.15")
TERMINALS = pytest.mark.parametrize("term", ["dumb", "xterm"])


def at(mark: str) -> str:
    """FILE:LINE of the line that ends in this mark."""
    lines = PROGRAM.read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if line.endswith(f"# {mark}")]
    return f"{PROGRAM}:{number}"


@pytest.fixture
def program(interpreter: Interpreter) -> Iterator[Target]:
    """The program to debug; after each test nobody does that any more."""
    with running([interpreter.path, PROGRAM], ready="^ready$") as target:
        yield target
        if target.is_running():
            wait_until_free(target)


def wait_until_free(program: Target) -> None:
    """Nobody debugs it: what was stopped goes on."""
    free = f"process {program.pid} is not being debugged\n"
    wait_until(lambda: succeed(program.pid, "debug", "--status").stdout == free, "the end of the session")


def stopped(operator: Terminal) -> Terminal:
    operator.wait_for_prompt()
    return operator


@ENDS
@TERMINALS
def test_a_session(program: Target, term: str) -> None:
    """It says where it stopped and whose output is shown, takes pdb's commands, and says what it left."""
    with attach_on_terminal(program.pid, "debug", "--break", at("total"), term=term) as operator:
        shown = operator.wait_for_prompt()
        assert f"Stopped MainThread in total, {at('total')}: breakpoint 1\n" in shown
        assert "IO of this thread is shown here; the other threads go on." in shown
        assert operator.ask("p self.apples") == "3"
        assert operator.ask("self.apricots + 1") == "5"
        assert "-> return count + self.apricots" in operator.ask("n")
        operator.send("q")
        code, shown = operator.wait_for_end()
    assert code == 0
    assert "detached (quit), target resumed after" in shown
    assert "0 breakpoints left" in shown
    assert "not attached" in succeed(program.pid, "status").stdout


@SOME
def test_end_of_input(program: Target) -> None:
    """Ctrl-D detaches, and gives up a statement that has begun before that."""
    with attach_on_terminal(program.pid, "debug") as operator:
        stopped(operator).send("def f():")
        operator.wait_for(r"^\.\.\. ")
        operator.end_of_input()
        operator.wait_for_prompt()
        operator.end_of_input()
        code, shown = operator.wait_for_end()
    assert code == 0
    assert "detached (end of input), target resumed" in shown


@ENDS
@TERMINALS
def test_statements_of_several_lines(program: Target, term: str) -> None:
    """A statement goes on until it is whole; a command of pdb's never does."""
    with attach_on_terminal(program.pid, "debug", "--break", at("spend"), term=term) as operator:
        stopped(operator)
        for line in ("def twice(n):", "    return (n +", "        n)"):
            operator.send(line)
            operator.wait_for(r"^\.\.\. ")
        operator.send("")
        operator.wait_for_prompt()
        assert operator.ask("twice(21)") == "42"
        for line in ("!for i in range(2):", "    print('number', i)"):
            operator.send(line)
            operator.wait_for(r"^\.\.\. ")
        assert "number 0\nnumber 1" in operator.ask("")
        assert operator.ask("if number: print('at once')") == "at once"
        assert "SyntaxError" in operator.ask("p (1,")


@SOME
def test_pasted_lines(program: Target) -> None:
    """Lines that come at once are taken one after the other."""
    with attach_on_terminal(program.pid, "debug") as operator:
        stopped(operator)
        operator.type("x = 1\nif x:\n    x += 2\n\np x * 1000\n")
        operator.wait_for(r"^3000")


@ENDS
def test_completion(program: Target) -> None:
    """Tab completes names of the stopped frame, attributes and commands; in a statement that goes on it indents."""
    with attach_on_terminal(program.pid, "debug", "--break", at("total"), term="xterm") as operator:
        stopped(operator)
        operator.type("self.to\t")
        operator.wait_for(r"self\.total")
        operator.type("()\n")
        operator.wait_for(r"^7")
        operator.type("sel\t")
        operator.wait_for("self")
        operator.type(".ap\t\t")
        operator.wait_for(r"self\.apples +self\.apricots[^$]*\(Pdb\) self\.ap")
        operator.interrupt()
        operator.wait_for_prompt()
        operator.type("wher\t")
        operator.wait_for("where")
        operator.type("\n")
        operator.wait_for(r"-> .*# total")
        operator.wait_for_prompt()
        operator.send("def f():")
        operator.wait_for(r"^\.\.\. ")
        operator.type("\treturn 5\n\n")
        operator.wait_for(r"^\(Pdb\) ")
        assert operator.ask("f()") == "5"


@SOME
def test_history(program: Target, tmp_path: Path) -> None:
    """What was entered is offered again in the next session, also after a crash."""
    env = {"XDG_STATE_HOME": os.fspath(tmp_path)}
    with attach_on_terminal(program.pid, "debug", env=env, term="xterm") as operator:
        stopped(operator).ask("p 'remembered'")
        operator.kill()
        operator.wait_for_end()
    wait_until_free(program)
    with attach_on_terminal(program.pid, "debug", env=env, term="xterm") as operator:
        stopped(operator).type("\x1b[A")
        operator.wait_for("p 'remembered'")
        operator.type("\n")
        operator.wait_for("^'remembered'")


@SOME
@TERMINALS
def test_interrupt_at_an_idle_prompt(program: Target, term: str) -> None:
    """Ctrl-C while nothing runs gives a fresh line, and drops what was typed."""
    with attach_on_terminal(program.pid, "debug", term=term) as operator:
        stopped(operator).type("raise SystemExi")
        operator.wait_for("SystemExi")
        operator.interrupt()
        operator.wait_for_prompt()
        operator.send("def f():")
        operator.wait_for(r"^\.\.\. ")
        operator.interrupt()
        operator.wait_for_prompt()
        assert operator.ask("p 6 * 7") == "42"


@ENDS
@TERMINALS
def test_interrupt_of_an_evaluation(program: Target, term: str) -> None:
    """Ctrl-C while something is evaluated raises KeyboardInterrupt in that, and nowhere else."""
    with attach_on_terminal(program.pid, "debug", term=term) as operator:
        stopped(operator).send(r"exec('print(\'begun\')\nwhile True: pass')")
        operator.wait_for("^begun")
        operator.interrupt()
        operator.wait_for(r"^\*\*\* KeyboardInterrupt")
        operator.wait_for_prompt()
        assert operator.ask("p 6 * 7") == "42"


@ENDS
def test_interrupt_while_it_runs(program: Target) -> None:
    """Ctrl-C after `continue` stops the same thread again."""
    with attach_on_terminal(program.pid, "debug", "--thread", "working") as operator:
        stopped(operator).send("c")
        operator.wait_for(r"^Resumed after .*Ctrl-C stops it again")
        operator.interrupt()
        assert "Stopped working in" in operator.wait_for_prompt()


@SOME
@pytest.mark.parametrize("answer", ["d", "w", ""])
def test_interrupt_twice(program: Target, answer: str, tmp_path: Path) -> None:
    """Ctrl-C twice asks whether to detach or to wait, when the first one had no effect so far."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with attach_on_terminal(program.pid, "debug") as operator:
        stopped(operator).send(f"print('begun') or open({str(pipe)!r}).read()")  # fifo(7): waits for a writer
        operator.wait_for("^begun")
        operator.interrupt()
        operator.wait_for(r"\^C\r?\n")  # two that come at once are one (signal(7))
        operator.interrupt()
        operator.wait_for(r"^Detach, or wait\? \[d/w\] ")
        if answer:
            operator.send(answer)
        else:
            operator.end_of_input()
        with pipe.open("w"):
            if answer == "w":
                operator.wait_for_prompt()
            else:
                assert operator.wait_for_end()[0] == (130 if answer == "d" else 0)


@SOME
def test_interrupt_while_it_waits(program: Target) -> None:
    """Ctrl-C while nothing has stopped disarms everything, exit code 130."""
    with attach_on_terminal(program.pid, "debug", "--break", at("spend"), "--if", "number > 5") as operator:
        operator.wait_for(r"^Waiting for .*prompted\.py:\d+\. Ctrl-C gives up\.")
        operator.interrupt()
        code, shown = operator.wait_for_end()
    assert code == 130
    assert "detached (interrupted), nothing was stopped, 0 breakpoints left" in shown


@SOME
def test_blocked_thread(program: Target) -> None:
    """A thread that waits in a call: the others are offered, by number or name; what there is not is asked again."""
    with attach_on_terminal(program.pid, "debug", "--thread", "resting") as operator:
        shown = operator.wait_for(r"Its number or name, or Enter to wait: ")
        assert "resting is blocked in wait at" in shown
        rows = re.findall(r"^ *(\d) +(\w+) +\w+ \(.*:\d+\)", shown, re.MULTILINE)
        assert [name for _, name in rows] == ["MainThread", "working"]
        operator.send("nobody")
        operator.wait_for("no thread is called 'nobody'")
        operator.wait_for(r"^Which one\? ")
        operator.send(rows[1][0])
        assert "Stopped working in " in operator.wait_for_prompt()


@SOME
def test_blocked_thread_that_is_waited_for(program: Target) -> None:
    """Enter waits for the thread that is blocked, and Ctrl-C gives up."""
    with attach_on_terminal(program.pid, "debug", "--thread", "resting") as operator:
        operator.wait_for(r"or Enter to wait: ")
        operator.send("")
        operator.wait_for(r"^Waiting for it\. Ctrl-C gives up\.")
        operator.interrupt()
        assert operator.wait_for_end()[0] == 130


@SOME
@TERMINALS
def test_limit_while_a_line_is_typed(program: Target, term: str) -> None:
    """When a limit ends the stop, that is said, whatever was typed so far."""
    with attach_on_terminal(program.pid, "debug", "--stop-timeout", "1", term=term) as operator:
        stopped(operator).type("half a line")
        code, shown = operator.wait_for_end()
    assert code == 7
    assert "detached (stopped for 1 s in all, --stop-timeout), target resumed after 1." in shown


@SOME
@TERMINALS
def test_talk_while_a_line_is_typed(program: Target, term: str) -> None:
    """What comes meanwhile is shown above the line, which is then there again and can be finished."""
    with attach_on_terminal(program.pid, "debug", "--break", at("total"), term=term) as operator:
        stopped(operator)
        operator.send("import threading, time")
        operator.wait_for_prompt()
        operator.type("p 'half a l")
        operator.wait_for("half a l")
        os.kill(operator.pid, signal.SIGCONT)  # as after Ctrl-Z and `fg`
        operator.wait_for(r"\(Pdb\) p 'half a l")
        operator.type("ine'\n")
        operator.wait_for(r"^'half a line'")


@SOME
def test_target_that_ends(program: Target) -> None:
    """When the process ends, that is said in one line, exit code 3."""
    with attach_on_terminal(program.pid, "debug", term="xterm") as operator:
        stopped(operator).type("p 1")
        os.kill(program.pid, signal.SIGKILL)
        code, shown = operator.wait_for_end()
    assert code == 3
    assert f"attach: process {program.pid} ended meanwhile [target-exited]\n" in shown


@SOME
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals(program: Target, number: signal.Signals) -> None:
    """SIGTERM and SIGHUP to the operator detach, and say so."""
    with attach_on_terminal(program.pid, "debug") as operator:
        stopped(operator)
        os.kill(operator.pid, number)
        code, shown = operator.wait_for_end()
    assert code == 128 + number
    assert f"detached ({number.name}), target resumed" in shown


@SOME
def test_terminal_that_is_gone(program: Target) -> None:
    """A terminal that is closed ends the session."""
    with attach_on_terminal(program.pid, "debug") as operator:
        stopped(operator).hang_up()
        wait_until_free(program)


@SOME
def test_two_operators(program: Target) -> None:
    """The second one is told who has the session; --status says it too, and --reset ends it."""
    with attach_on_terminal(program.pid, "debug") as operator:
        stopped(operator)
        refused = attach(program.pid, "debug")
        assert refused.code == 6, str(refused)
        assert f"process {operator.pid}," in refused.stderr
        assert "[debug-busy]" in refused.stderr
        for words in (("debug", "--status"), ("status",)):
            shown = succeed(program.pid, *words).stdout
            assert f"process {operator.pid}, for " in shown
            assert "stopped in MainThread" in shown
        assert '"state": "stopped"' in succeed(program.pid, "debug", "--status", "--json").stdout
        assert (
            f"process {operator.pid}; process {program.pid} goes on" in succeed(program.pid, "debug", "--reset").stderr
        )
        code, shown = operator.wait_for_end()
    assert code == 6
    assert "detached (reset by another operator), target resumed" in shown
    assert succeed(program.pid, "debug", "--status").stdout == f"process {program.pid} is not being debugged\n"
    assert "is not being debugged" in succeed(program.pid, "debug", "--reset").stderr


@SOME
def test_colours_of_a_program(program: Target) -> None:
    """What the thread prints may colour text, and do nothing else to the terminal."""
    with attach_on_terminal(program.pid, "debug", term="xterm", env={"FORCE_COLOR": "1"}) as operator:
        stopped(operator).send(r"print('\x1b[31mred\x1b[0m', '\x1b]0;title\x07', '\x1b[2J')")
        operator.wait_for_prompt()
        assert "\x1b[31mred\x1b[0m" in operator.raw
        assert "\\x1b]0;title\\x07 \\x1b[2J" in operator.raw
    with attach_on_terminal(program.pid, "debug", term="xterm", env={"NO_COLOR": "1"}) as operator:
        stopped(operator).send(r"print('\x1b[31mred\x1b[0m')")
        operator.wait_for_prompt()
        assert "\\x1b[31mred\\x1b[0m" in operator.raw


@SOME
def test_interrupt_of_c_code(program: Target) -> None:
    """C code that keeps the interpreter for itself cannot be interrupted: it is said how to leave, and that works."""
    with attach_on_terminal("--timeout", "1", program.pid, "debug") as operator:
        stopped(operator).send("print('begun'); __import__('time').sleep(0.5); sum(range(10**10))")
        operator.wait_for("^begun")
        wait_until(lambda: attach("--timeout", "0.5", program.pid, "status").code == 7, "C code that keeps the GIL")
        operator.interrupt()
        operator.wait_for(r"\^C")
        time.sleep(1.0)  # an operator's patience
        operator.interrupt()
        operator.wait_for("the process does not answer; Ctrl-C once more leaves it")
        operator.interrupt()
        code, shown = operator.wait_for_end()
    assert code == 130
    assert "attach: interrupted; the process goes on" in shown
    program.stop()


@SOME
def test_long_c_code(program: Target) -> None:
    """The answer of an evaluation that keeps the interpreter for longer than --timeout is waited for."""
    with attach_on_terminal("--timeout", "0.5", program.pid, "debug") as operator:
        assert stopped(operator).ask("sum(range(10**8))") == "4999999950000000"
