"""`attach PID shell`: a Python prompt in the process; no thread of the program stops, and nothing of it stays."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from attach import Session
from attach.channel import payload
from tests.support import command, servers
from tests.support.command import ATTACH, assert_explained, environment, started, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.picture import Picture, assert_untouched, settled_picture
from tests.support.processes import Target, running, wait_until
from tests.support.terminal import attach_on_terminal

PARKED = TARGETS / "parked.py"
#: libraries stay mapped until the process ends
PICTURE = ("mapped_files",)


@pytest.fixture
def parked(interpreter: Interpreter, tmp_path: Path) -> Iterator[Target]:
    """tests/targets/parked.py: threads and a loop of asyncio that wait."""
    with running([interpreter.path, PARKED, tmp_path / "stop"], ready="^ready$") as target:
        yield target


def end(target: Target, folder: Path) -> None:
    """Let it end, and see that nothing of it has changed."""
    (folder / "stop").touch()
    target.wait_for("^same$")
    assert target.wait_for_end() == 0
    assert (target.stdout, target.stderr) == ("ready\nsame\n", "")


def typed(target: Target, text: str, *options: str) -> command.Done:
    """What ``attach PID shell`` makes of a pipe with `text`."""
    done = subprocess.run(
        [*ATTACH, str(target.pid), "shell", *options],
        check=False,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )
    return command.Done(done.returncode, done.stdout, done.stderr)


def with_ctypes(target: Target) -> Picture:
    """The picture with the library that an interrupt needs, which stays loaded: libffi keeps itself open as a file."""
    succeed(target.pid, "exec", "-c", "import _ctypes")
    return settled_picture(target.pid)


SESSION = """\
6 * 7
_ + 1
for number in range(2):
    number
    print("loop", number)

def fail(n):
    return 1 / n

fail(0)
None
from __future__ import annotations
def f(x: nonsense): pass

f.__annotations__
import sys; print("to stderr", file=sys.stderr)
__main__.stop == sys.argv, __name__, sys.argv
class C:
  x = 1

C.x; C.x + 1
d = {
  "a": 1}
d
this has wrong
"""


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_session(parked: Target, tmp_path: Path) -> None:
    """Statements of all kinds give what Python's own prompt gives, here and not in the program; nothing stays."""
    before = settled_picture(parked.pid)
    done = typed(parked, SESSION)
    assert done.code == 0, done
    assert done.stdout.splitlines() == [
        *("42", "43", "0", "loop 0", "1", "loop 1"),
        "{'x': 'nonsense'}",
        "(False, '__main__', [''])",
        *("1", "2"),
        "{'a': 1}",
    ]
    traceback, _, rest = done.stderr.partition("ZeroDivisionError: division by zero\n")
    assert re.sub(r"\n +[~^]+", "", traceback).splitlines() == [
        "Traceback (most recent call last):",
        '  File "<attach-input-5>", line 1, in <module>',
        "    fail(0)",
        '  File "<attach-input-4>", line 2, in fail',
        "    return 1 / n",
    ]
    assert rest.startswith('to stderr\n  File "<attach-input-') and rest.splitlines()[-1].startswith("SyntaxError: ")
    assert_untouched(before, parked.pid, ignoring=PICTURE)
    end(parked, tmp_path)


AWAITS = """\
import asyncio, threading
async def work(n):
    print("in", threading.current_thread().name)
    await asyncio.sleep(0.01)
    return n

await asyncio.gather(work(1), work(2))
task = asyncio.ensure_future(work(3)); print("begun"); await task
"""


@on_interpreters("3.8", "3.12", "3.15")
def test_await(parked: Target, tmp_path: Path) -> None:
    """`await` runs in the program's own loop, and what it prints comes here; its errors are Python's."""
    text = AWAITS + "await asyncio.wait_for(work(4), 5) + 1 / 0\nraise SystemExit(3)\n"
    done = typed(parked, text)
    assert done.code == 1, done
    assert done.stdout.splitlines() == ["in MainThread"] * 2 + [
        "[1, 2]",
        "begun",
        "in MainThread",
        "3",
        "in MainThread",
    ]
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n") and "live-attach" not in done.stderr
    assert typed(parked, "import asyncio\nawait asyncio.sleep(0, 1)\nawait exit()\n").stdout == "1\n"
    end(parked, tmp_path)


@on_interpreters("3.8", "3.15")
def test_no_loop(loop: Target) -> None:
    """Where asyncio does not run `await` says so, and all else works."""
    done = typed(loop, "import asyncio\nawait asyncio.sleep(0)\n1 + 1\n")
    assert (done.code, done.stdout) == (0, "2\n")
    assert done.stderr.endswith("RuntimeError: await needs a loop of asyncio that runs, and this process has none\n")
    servers.drive_loop(loop)


@on_interpreters("3.8", "3.12", "3.14")
def test_module(loop: Target) -> None:
    """With -m names are those of a module of the program, which keeps what is assigned, but not `_`."""
    assert typed(loop, "grade(9)\nmine = _\n", "-m", "__main__").stdout == "'large'\n"
    assert typed(loop, "__main__.mine, hasattr(__main__, '_')\n").stdout == "('large', False)\n"
    assert_explained(command.attach(loop.pid, "shell", "-m", "nonsense"), 2, "[no-such-module]", "exec -c")
    servers.drive_loop(loop)


@on_interpreters("3.8", "3.15")
def test_on_a_terminal(parked: Target, tmp_path: Path) -> None:
    """A person gets prompts, completion, multi-line input, an interrupt for what runs, and leaves with Ctrl-D."""
    before = with_ctypes(parked)
    with attach_on_terminal(parked.pid, "shell", term="xterm") as terminal:
        assert f"in process {parked.pid}. Ctrl-D leaves" in terminal.wait_for_prompt()
        assert terminal.ask("6 * 7").endswith("42")
        terminal.type("__main__.Tou\t")
        terminal.wait_for(r"__main__\.Touchy")
        assert "<class '__main__.Touchy'>" in terminal.ask("")
        terminal.send("while True: __import__('time').sleep(0.01)")
        terminal.send("")
        wait_until(lambda: "is running" in succeed(parked.pid, "status").stdout, "the loop")
        terminal.interrupt()
        assert "KeyboardInterrupt" in terminal.wait_for_prompt()
        terminal.send("import asyncio; await asyncio.sleep(1000)")
        terminal.wait_for(r"sleep\(1000\)")
        wait_until(lambda: "sleep(1000)" in succeed(parked.pid, "threads").stdout, "the task")
        terminal.interrupt()
        assert "KeyboardInterrupt" in terminal.wait_for_prompt()
        assert "sleep(1000)" not in succeed(parked.pid, "threads").stdout
        terminal.end_of_input()
        assert terminal.wait_for_end()[0] == 0
    assert_untouched(before, parked.pid, ignoring=PICTURE)
    end(parked, tmp_path)


@on_interpreters("3.8", "3.15")
def test_lost_operator(parked: Target, tmp_path: Path) -> None:
    """kill -9 of the operator ends the prompt, in the middle of a statement too: the agent goes by itself."""
    before = with_ctypes(parked)
    for text in ("print('on', flush=True)\n", "print('on', flush=True)\nwhile True: pass\n\n"):
        with subprocess.Popen(
            [*ATTACH, str(parked.pid), "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
        ) as operator:
            assert operator.stdin is not None and operator.stdout is not None
            operator.stdin.write(text.encode())
            operator.stdin.flush()
            assert operator.stdout.readline() == b"on\n"
            os.kill(operator.pid, signal.SIGKILL)
    wait_until(lambda: "is running" not in succeed(parked.pid, "status").stdout, "the end of the shell")
    succeed(parked.pid, "detach")
    assert_untouched(before, parked.pid, ignoring=PICTURE)
    end(parked, tmp_path)


@on_interpreters("3.8", "3.15")
def test_side_by_side(parked: Target, tmp_path: Path) -> None:
    """Two shells and code of a third operator each have their own output; the last to go puts everything back."""
    before = settled_picture(parked.pid)
    go = tmp_path / "go"
    code = f"import os, time\nprint('third', flush=True)\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    with started(parked.pid, "exec", "-c", code) as third:
        assert third.stdout is not None and third.stdout.readline() == "third\n"
        one = typed(parked, "name = 'one'\nname\nprint(name)\n")
        assert one.stdout == "'one'\none\n"
        assert_explained(command.attach(parked.pid, "detach"), 6, "[code-running]")
        go.touch()
        assert third.communicate(timeout=60) == ("", "")
    assert "NameError" in typed(parked, "name\n").stderr
    assert_untouched(before, parked.pid, ignoring=PICTURE)
    end(parked, tmp_path)


@on_interpreters("3.9", "3.14")
def test_parts(loop: Target) -> None:
    """Whatever was delivered before, each part of the agent is there when it is asked for."""
    for parts in (sorted(payload.PARTS), sorted(payload.PARTS, reverse=True)):
        with Session.attach(loop.pid) as session:
            for part in parts:
                session.connection.load(part)
                names = [f"attach_agent.{name}" for name in payload.PARTS[part]]
                assert session.connection.call("loaded", *names), part
            session.detach()
