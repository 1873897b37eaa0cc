"""``attach PID debug`` without a terminal: from a pipe, with -c, in a script."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.support.command import ATTACH, Done, assert_explained, attach, environment, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Target, running, wait_until

PROGRAM = TARGETS / "prompted.py"
SOME = on_interpreters("3.12")
ENDS = on_interpreters("3.8", "3.15")


def at(mark: str) -> str:
    """FILE:LINE of the line that ends in this mark."""
    lines = PROGRAM.read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if line.endswith(f"# {mark}")]
    return f"{PROGRAM}:{number}"


@pytest.fixture
def program(interpreter: Interpreter) -> Iterator[Target]:
    """The program to debug; after each test it is not attached."""
    with running([interpreter.path, PROGRAM], ready="^ready$") as target:
        yield target
        wait_until(lambda: "not attached" in succeed(target.pid, "status").stdout, "the end of the agent")


def piped(target: Target, text: str, *options: str) -> Done:
    """``attach PID debug OPTIONS`` with `text` for its stdin."""
    command = [*ATTACH, str(target.pid), "debug", *options]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=60, env=environment()
    )
    return Done(done.returncode, done.stdout, done.stderr)


@ENDS
def test_commands_from_a_pipe(program: Target) -> None:
    """Lines are fed one by one; stdout is what pdb says and no prompt, stderr what we say; the end detaches."""
    done = piped(program, "p self.apples\nn\np count + 1\ndef f():\n    return 77\n\nf()\n", "--break", at("total"))
    assert done.code == 0, str(done)
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith(("> ", "-> "))] == ["3", "4", "77"]
    assert "(Pdb)" not in done.stdout + done.stderr
    assert "Stopped MainThread in total" in done.stderr
    assert "detached (end of input), target resumed after" in done.stderr


@ENDS
def test_commands_of_the_command_line(program: Target) -> None:
    """-c runs commands at the first prompt, in their order; then the end of stdin detaches."""
    done = attach(program.pid, "debug", "--break", at("spend"), "-c", "p number + 41", "-c", "p 'two'")
    assert done.code == 0, str(done)
    assert done.stdout.splitlines()[:2] == ["42", "'two'"]


@SOME
def test_quiet(program: Target) -> None:
    """With -q there is nothing but what pdb says."""
    done = attach("-q", program.pid, "debug", "-c", "p 6 * 7", "-c", "q")
    assert done.code == 0, str(done)
    assert done.stderr == ""
    assert done.stdout == "42\n"


@SOME
def test_statement_that_ends_with_the_file(program: Target) -> None:
    """A statement that the end of the input cuts short is handed over, and detaching follows."""
    done = piped(program, "if True:\n    print('last')")
    assert "last" in done.stdout
    assert done.code == 0, str(done)
    done = piped(program, "x = (")
    assert "SyntaxError" in done.stdout
    assert done.code == 0, str(done)


@ENDS
def test_end_while_it_runs(program: Target) -> None:
    """When the input ends with `continue`, and nothing stops any more, it detaches."""
    done = piped(program, "c\n")
    assert done.code == 0, str(done)
    assert "detached (end of input)" in done.stderr


@SOME
def test_steps_to_the_end(program: Target) -> None:
    """After `continue` the next stop gets the next line."""
    done = piped(program, "c\nc\np 'third'\n", "--break", at("spend"))
    assert done.code == 0, str(done)
    assert done.stdout.count("-> price") == 3
    assert "'third'" in done.stdout


@SOME
def test_nothing_comes(program: Target) -> None:
    """--wait passes: what was armed and did not happen is said, exit code 7."""
    done = attach(program.pid, "debug", "--break", at("spend"), "--if", "number > 5", "--wait", "0.5")
    assert_explained(done, 7, at("spend"), "did not come within 0.5 s", "[nothing-stopped]", "--wait")


@SOME
def test_reader_that_leaves(program: Target) -> None:
    """When nobody reads the output any more, the thread goes on."""
    command = [*ATTACH, str(program.pid), "debug"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as operator:
        assert operator.stdin and operator.stdout and operator.stderr
        operator.stdin.write("p 'first'\n")
        operator.stdin.flush()
        wait_until(lambda: "'first'" in operator.stdout.readline(), "its output")
        operator.stdout.close()
        operator.stdin.write("p 'second'\n")
        operator.stdin.flush()
        assert operator.wait(30) == 141
        assert "Traceback" not in operator.stderr.read()


@ENDS
def test_blocked_thread(program: Target) -> None:
    """A thread that waits in a call is not waited for: where it is and what else could be stopped, exit code 5."""
    done = attach(program.pid, "debug", "--thread", "resting")
    assert_explained(done, 5, "resting", "blocked in wait at", "debug --thread MainThread", "[thread-blocked]")


@SOME
def test_blocked_thread_and_patience(program: Target) -> None:
    """With --wait it is waited for, as long as that says."""
    done = attach(program.pid, "debug", "--thread", "resting", "--wait", "0.5")
    assert_explained(done, 7, "thread resting did not come within 0.5 s", "blocked in wait at", "[nothing-stopped]")
