"""What the stopped thread reads and writes: the operator's at the prompt, shared while stepping, the program's else."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from attach.debugging import Break
from tests.debug.operating import Operator, debugging
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Target, running, wait_until

PRINTING = TARGETS / "printing.py"
LINES = PRINTING.read_text().splitlines()
WORK = Break("printing.py", 1 + LINES.index("    doubled = number * 2"))


@contextmanager
def stopped_in_work(interpreter: Interpreter, *how: str) -> Iterator[tuple[Target, Operator]]:
    """At the first line of `work`; at the end the operator lets it go on, and its streams are as before."""
    with (
        running([interpreter.path, PRINTING, *how], ready="^ready$") as target,
        debugging(target.pid, breaks=(WORK,)) as op,
    ):
        op.wait_for_prompt()
        op.does("clear 1")
        yield target, op


def goes_on(target: Target, operator: Operator) -> None:
    """The session is over, and the program writes on to the streams that it had."""
    operator.leaves()
    rounds = len(main_lines(target))
    wait_until(lambda: len(main_lines(target)) > rounds + 10, "some more rounds")
    said = [line for line in main_lines(target) if line.startswith("streams")]
    assert said[-1] == "streams as before: True", said


def number_of(operator: Operator) -> str:
    """Of the round that it is stopped in."""
    return operator.does("p number").strip()


def main_lines(target: Target) -> list[str]:
    """What the main thread has printed."""
    return [line for line in target.stdout.splitlines() if not line.startswith("other")]


def test_at_the_prompt(interpreter: Interpreter) -> None:
    """What is evaluated prints for the operator alone, as bytes too; what other threads print is the program's."""
    with stopped_in_work(interpreter) as (target, operator):
        assert operator.does("print('mi' 'ne')") == "mine\n"
        assert operator.does("__import__('sys').stderr.write('mi' 'ne\\n') and None") == "mine\n"
        assert operator.does("__import__('sys').stdout.buffer.write(b'by' b'tes\\n') and None") == "bytes\n"
        assert operator.does("spawned = threading.Thread(target=print, args=('th' 'readed',))") == ""
        assert operator.does("spawned.start() or spawned.join()") == ""
        target.wait_for("^threaded$")
        seen = len(re.findall("^other", target.stdout, re.MULTILINE))
        target.wait_for(f"^other {seen + 3}$")  # it has never paused
        numbers = [int(n) for n in re.findall(r"^other (\d+)$", target.stdout, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1))
        shown = "".join(event[1] for event in operator.events if event[0] in ("out", "err"))
        assert "other" not in shown
        assert not {"mine", "bytes"} & {*target.stdout.split(), *target.stderr.split()}
        goes_on(target, operator)
        assert "mine" not in target.stdout + target.stderr


@on_interpreters("3.8", "3.12", "3.15")
def test_reading_at_the_prompt(interpreter: Interpreter) -> None:
    """input() asks the operator; a thread that reads then meets the program's own input."""
    with stopped_in_work(interpreter) as (target, operator):
        operator.debug.feed("answer = input('what? ')")
        assert operator.until("prompt")[1] == "what? "
        operator.does("this\n")
        assert operator.does("p answer") == "'this'\n"
        operator.does("globals().update(got=[])")
        operator.does("reader = threading.Thread(target=lambda: got.append(sys.stdin.readline()))")
        operator.does("reader.start() or reader.join()")
        assert operator.does("p got") == "['']\n"
        goes_on(target, operator)


def test_while_stepping(interpreter: Interpreter) -> None:
    """What runs between two prompts is shown, and once in the program's own output; afterwards it is there alone."""
    with stopped_in_work(interpreter) as (target, operator):
        number = number_of(operator)
        operator.does("next")
        assert operator.does("next").startswith(f"out {number}\n> ")
        assert operator.does("next").startswith(f"err {number}\n> ")
        assert operator.does("next").startswith(f"written {number}\n> ")
        assert operator.does("next").startswith("> ")  # a handler that holds the old stream
        assert operator.does("next").startswith("> ")  # sys.__stdout__
        operator.does("return")
        operator.does("next")
        goes_on(target, operator)
        target.wait_for(rf"^out {int(number) + 5}$")
        lines = main_lines(target)
        assert [lines.count(f"{what} {number}") for what in ("out", "written", "old")] == [1, 1, 1]
        assert [target.stderr.splitlines().count(f"{what} {number}") for what in ("err", "log")] == [1, 1]
    assert not [
        event for event in operator.events if event[0] in ("out", "err") and f"out {int(number) + 1}" in event[1]
    ]


@on_interpreters("3.8", "3.12", "3.15")
def test_in_redirect_stdout(interpreter: Interpreter) -> None:
    """What contextlib redirects is not redirected at the prompt, and complete afterwards."""
    with stopped_in_work(interpreter, "redirected") as (target, operator):
        number = number_of(operator)
        assert operator.does("print('mi' 'ne')") == "mine\n"
        operator.does("next")
        assert operator.does("next").startswith(f"out {number}\n> ")
        assert operator.does("next").startswith(f"err {number}\n> ")
        captured = operator.does("print(captured.getvalue())")
        assert "mine" not in captured
        assert captured.count(f"out {number}\n") == captured.count(f"err {number}\n") == 1
        goes_on(target, operator)
        assert "mine" not in target.stdout


@on_interpreters("3.8", "3.12", "3.15")
def test_program_swaps_its_stream(interpreter: Interpreter) -> None:
    """A program that replaces sys.stdout while it is stepped gets its output, and its stream is never ours after it."""
    with stopped_in_work(interpreter) as (target, operator):
        number = number_of(operator)
        operator.does("return")
        operator.does("next")
        for _ in range(4):
            shown = operator.does("step")
        assert 'print("swapped' in shown
        assert operator.does("print('mi' 'ne')") == "mine\n"
        assert operator.does("next").startswith(f"swapped {number}\n> ")
        operator.does("next")
        assert f"swapped {number}\\n" in operator.does("p text")  # and perhaps a line of the other thread
        goes_on(target, operator)
        assert "mine" not in target.stdout
        assert "swapped" not in target.stdout
