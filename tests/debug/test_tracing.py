"""A trace function that the program has itself, while its thread is stepped through and afterwards."""

import time

import pytest

from attach.debugging import Break
from tests.debug.operating import Operator, debugging
from tests.debug.test_commands import STEPPING, line_of
from tests.support.interpreters import Interpreter
from tests.support.processes import running

SEEN = "import __main__; print(*sorted(__main__.seen), sep='\\n')"
WHO = """
import sys, threading
frame = sys._current_frames()[threading.main_thread().ident]
names = set()
while frame:
    names.add(getattr(frame.f_trace, "__name__", frame.f_trace))
    frame = frame.f_back
print(names)
"""


def answer(operator: Operator, code: str) -> str:
    """What the code prints in the process."""
    output: list[bytes] = []
    operator.session.run(code, output=lambda _stream, data: output.append(data))
    return b"".join(output).decode()


def rounds(operator: Operator) -> str:
    """What the program's tracer sees of one more whole round of it."""
    answer(operator, "import __main__; __main__.seen.clear()")
    before = int(answer(operator, "import __main__; print(__main__.rounds)"))
    deadline = time.monotonic() + 30
    while int(answer(operator, "import __main__; print(__main__.rounds)")) < before + 3:
        assert time.monotonic() < deadline
    return answer(operator, SEEN)


@pytest.mark.parametrize("how", ["--traced", "--traced-by-method"])
def test_tracer_of_the_program(interpreter: Interpreter, how: str) -> None:
    """It gets all of its events while the operator steps, and all of them afterwards, in all frames."""
    with (
        running([interpreter.path, STEPPING, how], ready="^ready$") as target,
        debugging(target.pid, breaks=(Break("stepping.py", line_of("total = 0")),)) as operator,
    ):
        operator.wait_for_prompt()
        operator.does("import __main__; __main__.seen.clear()")
        operator.does("clear 1")
        for _ in range(80):  # a whole round, line by line
            if "-> total = 0" in operator.does("step"):
                break
        else:
            raise AssertionError("it does not come round")
        stepped = operator.does("print(*sorted(__import__('__main__').seen), sep='\\n')")
        operator.debug.feed("continue")
        operator.until("resumed")
        assert set(rounds(operator).splitlines()) ^ set(stepped.splitlines()) == set()
        assert "dispatch" not in answer(operator, WHO)
        operator.debug.close()
        operator.until("closed")
        assert set(rounds(operator).splitlines()) ^ set(stepped.splitlines()) == set()
