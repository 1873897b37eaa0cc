"""asyncio at the debugger's prompt: stopped in a coroutine, `w` and `tasks` tell who waits, and `await` works."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from attach.debugging import Break
from tests.agent.coverage.support import package
from tests.debug.operating import debugging
from tests.support import command
from tests.support.command import ATTACH, environment, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import Target, running

TASKS = TARGETS / "tasks.py"
#: libraries stay mapped until the process ends
PICTURE = ("mapped_files",)
STOP = next(number for number, line in enumerate(TASKS.read_text().splitlines(), 1) if line.endswith("# stop"))
HERE = (Break(str(TASKS), STOP, once=True),)


@pytest.fixture
def tasks(interpreter: Interpreter, tmp_path: Path) -> Iterator[Target]:
    """tests/targets/tasks.py."""
    with running([interpreter.path, TASKS, tmp_path / "stop"], ready="^ready$") as target:
        yield target


def end(target: Target, folder: Path, said: str = "") -> None:
    """Let it end, and see that it has worked on, and said nothing else."""
    (folder / "stop").touch()
    found = target.wait_for(r"^done (\d+)$")
    assert target.wait_for_end() == 0
    assert int(found[1]) > 10
    assert (target.stdout.replace(found[0], "done"), target.stderr) == (f"ready\n{said}done\n", "")


def debugged(target: Target, *commands: str) -> command.Done:
    """What the command shows that stops in the coroutine and does these."""
    done = subprocess.run(
        [*ATTACH, str(target.pid), "debug", "--break", f"{TASKS}:{STOP}", "--once"],
        check=False,
        input="".join(f"{line}\n" for line in commands),
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )
    return command.Done(done.returncode, done.stdout, done.stderr)


@on_interpreters("3.8", "3.12", "3.15")
def test_await(tasks: Target, tmp_path: Path) -> None:
    """`await` gives the value, at once or while other tasks run; assigns, raises, and leaves the loop as it was."""
    before = settled_picture(tasks.pid)
    done = debugged(
        tasks, "globals().update(calm=True)", "await quick(4)",
        "mine = await quick(doubled)", "mine", "await asyncio.gather(quick(1), slow(2))",
        "p order, ticks > 0", "await asyncio.sleep(0, 1 / 0)", "await asyncio.wait_for(asyncio.sleep(100), 0.05)",
        "raise SystemExit(await quick(1))", "n", "p result", "c",
    )  # fmt: skip
    assert done.code == 0, done
    lines = [line for line in done.stdout.splitlines() if not line.startswith((">", "->"))]
    error = "*** asyncio.exceptions.TimeoutError" if "exceptions" in done.stdout else "*** TimeoutError"
    assert lines == [
        *("8", "84", "slow 2", "[2, 6]", "([2], True)"),
        *("*** ZeroDivisionError: division by zero", error, "*** SystemExit: 2", "43"),
    ], done
    assert done.stderr.count("other tasks of this loop run while this waits") == 2, done
    assert_untouched(before, tasks.pid, ignoring=PICTURE)
    end(tasks, tmp_path, said="slow 2\n")


@on_interpreters("3.8", "3.11", "3.14")
def test_who_waits(tasks: Target, tmp_path: Path) -> None:
    """Below the stack `w` names the task and the chain of those that wait for it; `tasks` lists all."""
    done = debugged(tasks, "w", "tasks", "c")
    assert "in task server, serve()\nawaited by task Task-1, main()\n" in done.stdout, done
    assert f"> {TASKS}({STOP})handle()" in done.stdout and f"  {TASKS}(" in done.stdout
    assert "server  serve(), running\n" in done.stdout
    assert "Task-1  main(), waiting for gather(" in done.stdout
    end(tasks, tmp_path)


@on_interpreters("3.8", "3.15")
def test_interrupted(tasks: Target, tmp_path: Path) -> None:
    """Ctrl-C ends an `await` that waits, raises nothing in other tasks, and what was awaited is cancelled."""
    before = settled_picture(tasks.pid)
    with debugging(tasks.pid, breaks=HERE) as operator:
        operator.wait_for_prompt()
        for _ in range(3):
            operator.debug.feed("await asyncio.sleep(1000)")
            operator.until("note")
            assert operator.debug.interrupt() == ""
            assert operator.wait_for_prompt() == "*** KeyboardInterrupt\n"
        assert "sleep(1000)" not in operator.does("tasks")
        assert operator.does("await slow(1)") == "slow 1\n3\n"
        operator.leaves()
    assert_untouched(before, tasks.pid, ignoring=PICTURE)
    end(tasks, tmp_path, said="slow 1\n")


@on_interpreters("3.8", "3.15")
def test_lost_operator(tasks: Target, tmp_path: Path) -> None:
    """Losing the operator in the middle of an `await` lets the program go on at once."""
    with debugging(tasks.pid, breaks=HERE) as operator:
        operator.wait_for_prompt()
        operator.debug.feed("await asyncio.sleep(1000)")
        operator.until("note")
        operator.debug.leave()
    end(tasks, tmp_path)


ENDING = """
import asyncio, sys
async def leave():
    await asyncio.sleep(0.02)
    sys.exit(5)
async def main():
    while True:
        await asyncio.sleep(0.01)
        done = 1  # stop
print("ready", flush=True)
asyncio.run(main())
"""


@on_interpreters("3.8", "3.15")
def test_program_ends(interpreter: Interpreter, tmp_path: Path) -> None:
    """A task that ends the program while others run for an `await` ends it, as it would have."""
    file = tmp_path / "ending.py"
    file.write_text(ENDING)
    line = ENDING.splitlines().index("        done = 1  # stop") + 1
    with running([interpreter.path, file], ready="^ready$") as target:
        done = subprocess.run(
            [*ATTACH, str(target.pid), "debug", "--break", f"{file}:{line}"],
            check=False, input="await asyncio.gather(leave(), asyncio.sleep(1000))\n",
            capture_output=True, text=True, timeout=60, env=environment(),
        )  # fmt: skip
        assert "target-exited" in done.stderr or "a task of the program raised SystemExit" in done.stderr, done
        assert target.wait_for_end() == 5
        assert "live-attach" not in target.stderr


@on_interpreters("3.9", "3.13")
def test_uvloop(interpreter: Interpreter, tmp_path: Path) -> None:
    """A loop that cannot be run on is told, and the shell awaits in it; its tasks are shown like others."""
    path = os.pathsep.join([str(package(interpreter, "uvloop>=0.19,<1")), str(TARGETS)])
    program = TASKS.read_text().replace("asyncio.run(main())", "uvloop.install(); asyncio.run(main())")
    file = tmp_path / "with_uvloop.py"
    file.write_text(program.replace("import asyncio\n", "import asyncio, uvloop\n", 1))
    with running([interpreter.path, file, tmp_path / "other"], ready="^ready$", env={"PYTHONPATH": path}) as target:
        done = subprocess.run(
            [*ATTACH, str(target.pid), "debug", "--break", f"{file}:{STOP}", "--once"],
            check=False, input="await quick(1)\nc\n", capture_output=True, text=True, timeout=60, env=environment(),
        )  # fmt: skip
        assert "*** uvloop.Loop cannot be run on while its thread is stopped:  attach PID shell" in done.stdout, done
        shell = subprocess.run(
            [*ATTACH, str(target.pid), "shell", "-m", "__main__"],
            check=False, input="await slow(4)\n", capture_output=True, text=True, timeout=60, env=environment(),
        )  # fmt: skip
        assert shell.stdout == "slow 4\n12\n", shell
        found = succeed(target.pid, "threads").stdout
        assert "\nserver  (serve(), waiting for sleep(0.005), awaited by Task-1)\n" in found, found
