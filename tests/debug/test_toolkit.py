"""``attach PID debug`` where prompt_toolkit is installed, which edits the lines then."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environments import PROMPT, environment
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Target, running
from tests.support.terminal import Terminal, attach_on_terminal

PROGRAM = TARGETS / "prompted.py"
PROMPTS = r"\(Pdb\)"
#: The end of a line's input: bracketed paste is switched off.
ANSWER = r"\x1b\[\?2004l"


@pytest.fixture
def program(interpreter: Interpreter) -> Iterator[Target]:
    """The program to debug."""
    with running([interpreter.path, PROGRAM], ready="^ready$") as target:
        yield target


@pytest.fixture
def installed(interpreter: Interpreter, tmp_path: Path) -> dict[str, str]:
    """The environment of an operator who has prompt_toolkit."""
    python = environment(interpreter, PROMPT)
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    # the terminal of the tests does not answer where its cursor is (ECMA-48, CPR)
    return {"PYTHONPATH": str(packages), "PROMPT_TOOLKIT_NO_CPR": "1", "XDG_STATE_HOME": str(tmp_path)}


def begin(operator: Terminal) -> Terminal:
    """The first prompt, which shows by what it is made: readline asks for no cursor keys."""
    operator.wait_for(PROMPTS)
    assert "\x1b[?1l" in operator.raw
    return operator


@on_interpreters("3.12")
def test_lines(program: Target, installed: dict[str, str], tmp_path: Path) -> None:
    """A session as with readline: values, several lines, completion, history, the end."""
    with attach_on_terminal(program.pid, "debug", "--function", "__main__:Basket.total", term="xterm",
                            env=installed) as operator:  # fmt: skip
        begin(operator).type("6 * 111\r")
        operator.wait_for("666")
        operator.wait_for(PROMPTS)
        operator.type("def f(n):\r")
        operator.wait_for(r"\.\.\.")
        operator.type("\treturn n + 7000\r")
        operator.wait_for(r"\.\.\.")
        operator.type("\r")
        operator.wait_for(PROMPTS)
        operator.type("f(77)\r")
        operator.wait_for("7077")
        operator.wait_for(PROMPTS)
        operator.type("self.apr\t")
        operator.wait_for("self.apricots|icots")
        operator.type("\r")
        operator.wait_for(ANSWER + "4")
        operator.wait_for(PROMPTS)
        operator.type("\x04")
        code, shown = operator.wait_for_end()
    assert code == 0
    assert "detached (end of input)" in shown
    history = (tmp_path / "live-attach" / "debug-history").read_text()
    assert re.search(r"^self\.apricots$", history, re.MULTILINE)


@on_interpreters("3.12")
def test_interrupts(program: Target, installed: dict[str, str]) -> None:
    """Ctrl-C at an idle prompt gives a fresh line, and while something is evaluated KeyboardInterrupt."""
    with attach_on_terminal(program.pid, "debug", term="xterm", env=installed) as operator:
        begin(operator).type("raise System")
        operator.wait_for("raise System")
        operator.type("\x03")
        operator.wait_for(PROMPTS)
        operator.type('exec(\'print("be" + "gun")\\nwhile True: pass\')\r')
        operator.wait_for("begun")
        operator.interrupt()
        operator.wait_for(r"\*\*\* KeyboardInterrupt")
        operator.wait_for(PROMPTS)


@on_interpreters("3.12")
def test_what_comes_meanwhile(program: Target, installed: dict[str, str]) -> None:
    """The end of the process is told while a line is typed; before it, a line that was disturbed is there again."""
    with attach_on_terminal(program.pid, "debug", term="xterm", env=installed) as operator:
        begin(operator).type("'half a l")
        operator.wait_for("half a l")
        os.kill(operator.pid, signal.SIGCONT)
        operator.wait_for(PROMPTS + " 'half a l")
        operator.type("ine'\r")
        operator.wait_for(ANSWER + "'half a line'")
        operator.wait_for(PROMPTS)
        os.kill(program.pid, signal.SIGKILL)
        code, shown = operator.wait_for_end()
    assert code == 3
    assert "ended meanwhile [target-exited]" in shown
