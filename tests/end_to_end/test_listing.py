"""``attach ps`` shows what a process says about itself, and it cannot do anything with that."""

import json

from tests.support.command import succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import running

HOSTILE = ("a\nb", "1  root  3.12.0", "\x1b]0;title\x07\x1b[2J", "\r", "\u202etxt.exe", "\udcff\udcfe", "\x9b31m", "")
LONG = ("x" * 100_000,) * 15  # execve(2): 128 KiB each, 2 MiB in all


@on_interpreters("3.12")
def test_a_hostile_command_line(interpreter: Interpreter) -> None:
    """Newlines, escape sequences and bytes that are no text stay within the process's own line."""
    with running([interpreter.path, TARGETS / "steps.py", *HOSTILE], ready="^ready$") as target:
        output = succeed("ps").stdout
        lines = [line for line in output.split("\n") if line.split()[:1] == [str(target.pid)]]
        assert len(lines) == 1
        assert lines[0].isprintable()
        assert "a\\nb" in lines[0] and "\\x1b]0;title\\x07" in lines[0] and "\\u202e" in lines[0]
        assert len(output.splitlines()) == len(output.split("\n")) - 1
        listed = json.loads(succeed("ps", "--json").stdout)["processes"]
        assert [process["command"].split()[0] for process in listed if process["pid"] == target.pid]


@on_interpreters("3.12")
def test_a_very_long_command_line(interpreter: Interpreter) -> None:
    """Of a command line of megabytes a part is shown, and other processes' lines are no longer for it."""
    with running([interpreter.path, TARGETS / "steps.py", *LONG], ready="^ready$") as target:
        output = succeed("ps").stdout
        (line,) = [line for line in output.splitlines() if line.split()[0] == str(target.pid)]
        assert str(TARGETS / "steps.py") in line
        assert len(line) < 70_000
