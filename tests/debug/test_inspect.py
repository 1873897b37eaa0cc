"""`attach PID debug --inspect`: pdb's commands on the frames of a thread that runs on."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import command
from tests.support.command import ATTACH, assert_explained, environment, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import Target, running, wait_until
from tests.support.terminal import attach_on_terminal

PARKED = TARGETS / "parked.py"
#: libraries stay mapped until the process ends
PICTURE = ("mapped_files",)


@pytest.fixture
def parked(interpreter: Interpreter, tmp_path: Path) -> Iterator[Target]:
    """tests/targets/parked.py."""
    with running([interpreter.path, PARKED, tmp_path / "stop"], ready="^ready$") as target:
        yield target


def end(target: Target, folder: Path) -> None:
    """Let it end, and see that nothing of it has changed."""
    (folder / "stop").touch()
    target.wait_for("^same$")
    assert target.wait_for_end() == 0
    assert (target.stdout, target.stderr) == ("ready\nsame\n", "")


def inspected(target: Target, thread: str, *commands: str) -> command.Done:
    """What the debugger shows for these commands."""
    done = subprocess.run(
        [*ATTACH, str(target.pid), "debug", "--inspect", "--thread", thread],
        check=False,
        input="".join(f"{line}\n" for line in commands),
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )
    return command.Done(done.returncode, done.stdout, done.stderr)


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_reading(parked: Target, tmp_path: Path) -> None:
    """Stack, source, arguments and expressions are those of the thread, which is not stopped and does not change."""
    before = settled_picture(parked.pid)
    done = inspected(
        parked, "parked-1", "w", "u", "d", "a", "p number, shared, sorted(plain)", "whatis plain", "ll", "source wait",
        "number = 77; plain = None", "p number", "refresh", "p number", "print('here')", "p 1 / 0",
    )  # fmt: skip
    assert done.code == 0, done
    assert done.stderr.startswith(f"parked-1 was in wait, {PARKED}:"), done
    assert "nothing was stopped" in done.stderr
    shown = done.stdout
    assert f"> {PARKED}(" in shown and "_bootstrap_inner()" in shown and ")run()" in shown
    for text in ("number = 1", "(1, 1, ['a', 'long'])", "<class 'dict'>", "def wait(number):", "here"):
        assert f"{text}\n" in shown, done
    assert shown.index("\n77\n") < shown.rindex("\n1\n"), done
    assert shown.endswith("*** ZeroDivisionError: division by zero\n"), done
    assert_untouched(before, parked.pid, ignoring=PICTURE)
    end(parked, tmp_path)


@on_interpreters("3.8", "3.12", "3.15")
def test_refusals(parked: Target, tmp_path: Path) -> None:
    """What would resume the thread, or arm something, is refused with a sentence."""
    resuming = ("s", "next", "until", "r", "c", "jump 3")
    arming = ("b 10", "tbreak 10", "clear", "condition 1 x", "commands")
    done = inspected(parked, "parked-1", *resuming, *arming, "p 'still ' + 'here'")
    assert done.stdout.count("*** the thread was not stopped, so it cannot be resumed") == len(resuming), done
    assert done.stdout.count("*** nothing is stopped here") == len(arming), done
    assert done.stdout.endswith("'still here'\n")
    end(parked, tmp_path)


@on_interpreters("3.8", "3.14")
def test_threads(parked: Target, tmp_path: Path) -> None:
    """Any thread can be looked at, one after the other: the main one, by name, by native id."""
    native = sorted(int(path.name) for path in Path(f"/proc/{parked.pid}/task").iterdir())[1]
    done = inspected(parked, "main", "w", "refresh parked-2", "p number", f"refresh {native}", "p number", "refresh no")
    assert "run_forever()" in done.stdout, done
    assert [line for line in done.stdout.splitlines() if line in ("0", "2")] == ["2", "0"], done
    assert "*** no thread is called 'no'" in done.stdout
    assert_explained(inspected(parked, "nobody"), 2, "[no-such-thread]", "parked-1")
    end(parked, tmp_path)


@on_interpreters("3.8", "3.15")
def test_on_a_terminal(parked: Target, tmp_path: Path) -> None:
    """An evaluation is interrupted by Ctrl-C, names are completed, another operator is refused, Ctrl-D leaves."""
    succeed(parked.pid, "exec", "-c", "import _ctypes")
    before = settled_picture(parked.pid)
    arguments = (parked.pid, "debug", "--inspect", "--thread", "parked-3")
    with attach_on_terminal(*arguments, term="xterm", env={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for_prompt()
        assert terminal.ask("p number") == "3"
        terminal.type("p tou\t")
        terminal.wait_for("touchy")
        assert terminal.ask(".number").endswith("3")
        terminal.send("!while True: pass")
        wait_until(lambda: "inspecting" in succeed(parked.pid, "debug", "--status").stdout, "the status")
        assert_explained(command.attach(parked.pid, "debug", "--inspect"), 6, "[debug-busy]")
        terminal.interrupt()
        assert "KeyboardInterrupt" in terminal.wait_for_prompt()
        terminal.end_of_input()
        assert terminal.wait_for_end()[0] == 0
    assert_untouched(before, parked.pid, ignoring=PICTURE)
    end(parked, tmp_path)
