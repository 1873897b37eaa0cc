"""`attach PID exec`: code runs inside, what it prints comes here, and the process is as it was."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from attach import Session, attach
from tests.agent.coverage.support import package
from tests.support import command, servers
from tests.support.command import assert_explained, started, succeed
from tests.support.interpreters import Interpreter, on_interpreters, require_interpreter
from tests.support.marks import TARGETS
from tests.support.picture import Picture, assert_untouched, settled_picture
from tests.support.processes import Target, http_get, running, wait_until

#: libraries stay mapped until the process ends
PICTURE = ("mapped_files",)

PROGRAM = """
import argparse
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--flag", action="store_true")
parser.add_argument("name")
options = parser.parse_args()
print("out", options.flag, options.name, sys.argv[0], __name__, __file__)
print("err", file=sys.stderr)
sys.stdout.buffer.write(b"\\xff\\n")
try:
    input()
except EOFError:
    print("no input", sys.stdin.read() == "")
import __main__
print(__main__.grade(9), grade if "grade" in globals() else "own namespace")
"""


def test_program(loop: Target, tmp_path: Path) -> None:
    """A file runs with its arguments and a namespace of its own, its output comes here, and nothing of it stays."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    before = settled_picture(loop.pid)
    done = subprocess.run(
        [*command.ATTACH, str(loop.pid), "exec", "program.py", "--flag", "some"],
        check=False,
        capture_output=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"err\n"), done
    assert done.stdout.splitlines() == [
        f"out True some program.py __main__ {file}".encode(),
        b"\xff",
        b"no input True",
        b"large own namespace",
    ]
    assert_untouched(before, loop.pid, ignoring=PICTURE)
    servers.drive_loop(loop)


#: Programs that end in some way, by what follows; each is compared with the same Python running the same file.
ENDINGS = {
    "chained": "def f(): 1 / 0\ntry:\n    f()\nexcept ZeroDivisionError as error:\n    raise KeyError(3) from error",
    "context": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}[\n        1\n    ]",
    "syntax": "print(1)\ndef f(:\n    pass",
    "message": "import sys; print('last'); sys.exit('words')",
    "zero": "import sys; sys.exit(0)",
    "none": "raise SystemExit",
    "status": "import sys; sys.exit(3)",
    "surrogate": "raise ValueError('\\udc80')",
    "latin": "# coding: latin-1\nraise ValueError('\xe4')",
    "repeated": "def f(n):\n    if n: f(n - 1)\n    raise ValueError\nf(20)",
    "warning": "import warnings\nwarnings.warn('careful')",
    "printed": "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()",
}
#: Before 3.11 what prints uncaught exceptions differs from the module traceback in these.
NEW_ENDINGS = {
    "own base": "class E(BaseException): pass\nraise E('it')",
    "broken": "class E(Exception):\n    def __str__(self): 1 / 0\nraise E()",
    "notes": "error = ValueError('it')\nerror.add_note('note')\nraise error",
    "group": "raise ExceptionGroup('both', [ValueError(1), ExceptionGroup('in', [TypeError(2)])])",
    "broken note": "class N:\n    def __str__(self): 1 / 0\nerror = ValueError()\nerror.__notes__ = [N()]\nraise error",
}


def test_endings(loop: Target, interpreter: Interpreter, tmp_path: Path) -> None:
    """However a program ends, its output is what this Python shows when it runs the file; SystemExit ends nothing."""
    endings = {**ENDINGS, **(NEW_ENDINGS if interpreter.version >= (3, 11) else {})}
    before = settled_picture(loop.pid)
    with attach(loop.pid) as session:
        for name, text in endings.items():
            file = tmp_path / f"{name}.py"
            file.write_text(text, encoding="latin-1")
            expected = subprocess.run([interpreter.path, file], check=False, capture_output=True)
            written = {1: b"", 2: b""}

            def take(stream: int, data: bytes, written: dict[int, bytes] = written) -> None:
                written[stream] += data

            outcome = session.run(file.read_bytes(), filename=str(file), argv=[str(file)], output=take)
            assert (name, written[2].decode()) == (name, expected.stderr.decode())
            assert (name, written[1], outcome.ok) == (name, expected.stdout, expected.returncode == 0)
        session.detach()
    assert_untouched(before, loop.pid, ignoring=PICTURE)
    servers.drive_loop(loop)


def test_exit_codes(loop_312: Target) -> None:
    """0 for an end or sys.exit(0), 1 for an exception or another exit, 3 if the code ended the process."""
    assert command.attach(loop_312.pid, "exec", "-c", "raise SystemExit(0)").code == 0
    assert command.attach(loop_312.pid, "exec", "-c", "raise SystemExit(7)").code == 1
    failed = command.attach(loop_312.pid, "exec", "-c", "x = 1\nnothing")
    assert failed.code == 1
    assert failed.stderr.startswith('Traceback (most recent call last):\n  File "<attach -c>", line 2, in <module>\n')
    assert "\n    nothing\n" in failed.stderr
    assert failed.stderr.endswith("NameError: name 'nothing' is not defined\n")
    assert_explained(command.attach(loop_312.pid, "exec", "-c", "import os; os._exit(0)"), 3, "[target-exited]")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["-c CODE", "FILE"]),
        (["-c", "1", "--payload", "helloworld"], []),
        (["--payload", "nonsense"], ["helloworld", "dump_stacks"]),
        (["nowhere.py"], ["nowhere.py", "No such file"]),
        (["-c"], ["-c"]),
        (["--nonsense", "-c", "1"], ["--nonsense"]),
    ],
)
def test_usage(loop_312: Target, arguments: list[str], words: list[str]) -> None:
    """A command line that makes no sense is exit 2 and touches nothing; what follows -c CODE is the code's."""
    before = settled_picture(loop_312.pid)
    if "--payload" in arguments and "-c" in arguments:
        code = f"import sys; assert sys.argv == {['-c', *arguments[2:]]}"
        succeed(loop_312.pid, "exec", "-qc", code, *arguments[2:])
    else:
        done = command.attach(loop_312.pid, "exec", *arguments)
        assert done.code == 2, str(done)
        assert all(word in done.stderr for word in words), str(done)
    assert_untouched(before, loop_312.pid, ignoring=PICTURE)


def test_stdin(loop_312: Target) -> None:
    """The file - is our stdin."""
    done = subprocess.run(
        [*command.ATTACH, str(loop_312.pid), "exec", "-", "x"],
        check=False,
        input="import sys, os; print(os.getpid(), sys.argv)",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == f"{loop_312.pid} ['-', 'x']\n", done


@on_interpreters("3.8", "3.12", "3.15")
def test_gunicorn(flask_server: Target) -> None:
    """Code in a worker meets the application's own modules; the worker serves on and sees itself as before."""
    (worker,) = flask_server.children()
    http_get(flask_server.port, "/")
    code = (
        "import flask_app, logging, threading\n"
        "logging.getLogger().setLevel(logging.WARNING)\n"
        "handler = logging.StreamHandler()\n"
        "flask_app.app.logger.addHandler(handler)\n"
        "flask_app.app.logger.warning('seen %s', threading.current_thread() is threading.main_thread())\n"
        "flask_app.app.logger.removeHandler(handler)\n"
        "print(sorted(rule.rule for rule in flask_app.app.url_map.iter_rules()))"
    )
    succeed(worker, "exec", "-c", code)  # what the code imports, and what logging makes, stays
    inside = servers.interior(flask_server.port)
    before = settled_picture(worker)
    done = succeed(worker, "exec", "-c", code)
    assert "/interior" in done.stdout
    assert "seen False\n" in done.stderr
    assert_untouched(before, worker, ignoring=("mapped_files", "descriptors"))
    assert servers.interior(flask_server.port) == inside
    assert not [name for name in inside["threads"] if name.startswith("Dummy")]
    servers.drive_flask(flask_server.port)


@on_interpreters("3.8", "3.12", "3.15")
def test_asyncio(asgi_server: Target) -> None:
    """Code can hand a coroutine to the loop of an asyncio server, which serves on and sees itself as before."""
    servers.drive_asgi(asgi_server.port)
    code = (
        "import asyncio, gc\n"
        "loop = next(o for o in gc.get_objects() if isinstance(o, asyncio.AbstractEventLoop) and o.is_running())\n"
        "async def names(): return len(asyncio.all_tasks())\n"
        "print(asyncio.run_coroutine_threadsafe(names(), loop).result(10) >= 1)"
    )
    succeed(asgi_server.pid, "exec", "-c", code)
    inside = servers.interior(asgi_server.port)
    before = settled_picture(asgi_server.pid)
    assert succeed(asgi_server.pid, "exec", "-c", code).stdout == "True\n"
    assert_untouched(before, asgi_server.pid, ignoring=PICTURE)
    assert servers.interior(asgi_server.port) == inside
    servers.drive_asgi(asgi_server.port)


@pytest.fixture
def talking(interpreter: Interpreter, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Target]:
    """tests/targets/talking.py with `request.param` as its streams, until `end_of_talk`."""
    with running([interpreter.path, TARGETS / "talking.py", tmp_path / "stop", request.param], ready="^ready$") as it:
        yield it


def end_of_talk(target: Target, folder: Path) -> dict[str, str]:
    """What the program says at its end: that it has its own streams again, and met no error."""
    (folder / "stop").touch()
    assert target.wait_for_end() == 0
    facts = json.loads(target.stdout.splitlines()[-1])
    assert facts["same"] == [True] * 4, facts["same"]
    assert facts["failed"] == []
    assert facts["threads"] == ["MainThread"]
    streams: dict[str, str] = facts
    return streams


def assert_talk(text: str) -> None:
    """Each thread's lines are all there, once, whole and in order."""
    found: dict[str, list[int]] = {}
    for line in text.splitlines():
        name, number = re.fullmatch(r"(t\d) (\d+)", line).groups()  # type: ignore[union-attr]
        found.setdefault(name, []).append(int(number))
    assert len(found) == 3
    for name, numbers in found.items():
        assert numbers == list(range(len(numbers))), name


@pytest.mark.parametrize("talking", ["files"], indirect=True)
@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_output_of_other_threads(talking: Target, tmp_path: Path) -> None:
    """What other threads print meanwhile goes where it always goes: no line is lost, doubled or misplaced anywhere."""
    code = "import sys\nfor n in range(20_000):\n    print('out', n)\n    print('err', n, file=sys.stderr)"
    for _ in range(2):
        done = succeed(talking.pid, "exec", "-c", code)
        assert done.stdout == "".join(f"out {n}\n" for n in range(20_000))
        assert done.stderr == "".join(f"err {n}\n" for n in range(20_000))
    end_of_talk(talking, tmp_path)
    assert_talk("".join(talking.stdout.splitlines(keepends=True)[1:-1]))
    assert_talk(talking.stderr)


@pytest.mark.parametrize("talking", ["none", "closed", "memory", "own"], indirect=True)
@on_interpreters("3.8", "3.15")
def test_streams_of_all_kinds(talking: Target, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Whatever the program has for its streams, code prints to here, and other threads meet what they always meet."""
    kind = request.node.callspec.params["talking"]
    code = "import sys\nfor n in range(2000): print(n); print(n, file=sys.stderr)\n1 / 0"
    done = command.attach(talking.pid, "exec", "-c", code)
    assert done.code == 1, str(done)
    numbers = "".join(f"{n}\n" for n in range(2000))
    assert done.stdout == numbers
    assert done.stderr.startswith(numbers + "Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
    facts = end_of_talk(talking, tmp_path)
    for name in ("stdout", "stderr"):
        assert (name in facts) == (kind in ("memory", "own") or (kind == "closed" and name == "stderr"))
        if name in facts:
            assert_talk(facts[name])
    assert talking.stderr == ""


@on_interpreters("3.8", "3.13")
def test_stopped_operator(loop: Target, tmp_path: Path) -> None:
    """Code that prints without end waits for an operator that does not fetch, with bounded memory, and dies with it."""
    counter, ended = tmp_path / "counter", tmp_path / "ended"
    code = (
        "import os\n"
        f"file, n = os.open({str(counter)!r}, os.O_WRONLY | os.O_CREAT), 0\n"
        "try:\n"
        "    while True: print('x' * 999); n += 1; os.pwrite(file, b'%d' % n, 0)\n"
        f"finally: os.close(file); open({str(ended)!r}, 'w').close()"
    )
    with started(loop.pid, "exec", "-c", code) as operator:  # its output is read by nobody
        wait_until(lambda: counter.exists() and counter.read_text(), "output")
        os.kill(operator.pid, signal.SIGSTOP)
        last: list[str] = []

        def waits() -> bool:
            last.append(counter.read_text())
            return len(last) > 20 and len(set(last[-20:])) == 1

        wait_until(waits, "the code to wait", poll=0.05)
        assert int(last[-1]) < 20_000, "more than 20 MB were taken"
        servers.drive_loop(loop)
        operator.kill()
        wait_until(ended.exists, "the end of the code")
    servers.drive_loop(loop)
    succeed(loop.pid, "detach")


SLEEPING = "import time\nprint('on', flush=True)\nwhile True: time.sleep(0.01)\n"


def with_ctypes(target: Target) -> Picture:
    """The picture with the library that an interrupt needs, which stays loaded: libffi keeps itself open as a file."""
    succeed(target.pid, "exec", "-c", "import _ctypes")
    return settled_picture(target.pid)


def test_interrupted(loop: Target) -> None:
    """Ctrl-C raises KeyboardInterrupt in the code: its traceback, exit 130, and nothing stays."""
    before = with_ctypes(loop)
    with started(loop.pid, "exec", "-c", SLEEPING) as operator:
        assert operator.stdout is not None
        assert operator.stdout.readline() == "on\n"
        operator.send_signal(signal.SIGINT)
        stdout, stderr = operator.communicate(timeout=60)
    assert (operator.returncode, stdout) == (130, ""), stderr
    assert stderr.startswith("Traceback") and stderr.endswith("\nKeyboardInterrupt\n"), stderr
    assert "live-attach" not in stderr
    assert_untouched(before, loop.pid, ignoring=PICTURE)
    servers.drive_loop(loop)


@on_interpreters("3.8", "3.12", "3.15")
def test_interrupted_twice(loop: Target, tmp_path: Path) -> None:
    """A second Ctrl-C leaves code that does not stop, and says so; until it stops, detach is refused."""
    stop = tmp_path / "stop"
    code = (
        "import os, time\n"
        "print('on', flush=True)\n"
        f"while not os.path.exists({str(stop)!r}):\n"
        "    try: time.sleep(0.01)\n"
        "    except KeyboardInterrupt: print('caught', flush=True)\n"
    )
    before = with_ctypes(loop)
    with started(loop.pid, "exec", "-c", code) as operator:
        assert operator.stdout is not None
        for expected in ("on\n", "caught\n"):
            assert operator.stdout.readline() == expected
            operator.send_signal(signal.SIGINT)
        _, stderr = operator.communicate(timeout=60)
    assert operator.returncode == 130, stderr
    assert f"still running in process {loop.pid}" in stderr
    assert "code of 1 operator is running" in succeed(loop.pid, "status").stdout
    assert_explained(command.attach(loop.pid, "detach"), 6, "[code-running]", "Ctrl-C")
    Session.join(loop.pid).release()  # the agent has something to do
    assert "code of 1 operator is running" in succeed(loop.pid, "status").stdout
    stop.touch()
    wait_until(lambda: "is running" not in succeed(loop.pid, "status").stdout, "the end of the code")
    succeed(loop.pid, "detach")
    assert_untouched(before, loop.pid, ignoring=PICTURE)


@on_interpreters("3.9", "3.12", "3.14")
def test_killed(loop: Target, tmp_path: Path) -> None:
    """kill -9 of the operator is KeyboardInterrupt in the code, also where it waits for its output to be fetched."""
    before = with_ctypes(loop)
    for number, body in enumerate(("time.sleep(0.01)", "print('x' * 10_000)")):
        file = tmp_path / f"ended{number}"
        code = (
            f"import time\nprint('on', flush=True)\n"
            f"try:\n    while True: {body}\n"
            f"except KeyboardInterrupt: open({str(file)!r}, 'w').close()"
        )
        with started(loop.pid, "exec", "-c", code) as operator:
            assert operator.stdout is not None
            assert operator.stdout.readline() == "on\n"
            operator.kill()
            wait_until(file.exists, "KeyboardInterrupt in the code")
    wait_until(lambda: "is running" not in succeed(loop.pid, "status").stdout, "the end of the code")
    succeed(loop.pid, "detach")
    assert_untouched(before, loop.pid, ignoring=PICTURE)


@pytest.mark.parametrize("talking", ["files"], indirect=True)
@on_interpreters("3.8", "3.12", "3.15")
def test_side_by_side(talking: Target, tmp_path: Path) -> None:
    """Of two runs each meets its own output and arguments, whichever ends first."""
    code = (
        "import os, sys, time\n"
        f"open({str(tmp_path)!r} + '/' + sys.argv[1], 'w').close()\n"
        f"while not os.path.exists({str(tmp_path)!r} + '/' + sys.argv[2]): print(sys.argv[1]); time.sleep(0.001)\n"
    )
    before = settled_picture(talking.pid)
    with (
        started(talking.pid, "exec", "-c", code, "a", "b") as one,
        started(talking.pid, "exec", "-c", code, "b", "c") as other,
    ):
        stdout, stderr = one.communicate(timeout=60)
        assert set(stdout.split()) <= {"a"} and one.returncode == 0, stderr
        (tmp_path / "c").touch()
        stdout, stderr = other.communicate(timeout=60)
        assert set(stdout.split()) == {"b"} and other.returncode == 0, stderr
    assert_untouched(before, talking.pid, ignoring=PICTURE)
    end_of_talk(talking, tmp_path)


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_under_coverage(loop: Target, tmp_path: Path) -> None:
    """Measuring goes on undisturbed, and the code itself is not in the report."""
    file = tmp_path / "mine.py"
    file.write_text("def f():\n    return 1\nprint(f())\n")
    succeed(loop.pid, "start-coverage")
    for _ in range(2):
        assert succeed(loop.pid, "exec", file).stdout == "1\n"
    servers.drive_loop(loop)
    succeed(loop.pid, "snapshot", "--json=report.json", cwd=tmp_path)
    assert "measuring" in succeed(loop.pid, "status").stdout
    files = json.loads((tmp_path / "report.json").read_text())["files"]
    assert {Path(name).name for name in files} == {"loop.py"}
    succeed(loop.pid, "detach")


BARE = """
import sys, time
print("ready", flush=True)
while not hasattr(sys, "enough"):
    time.sleep(0.01)
del sys.enough
threading = sys.modules.get("threading")
if threading is not None:
    assert threading.current_thread() is threading.main_thread(), threading.current_thread()
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"], threading.enumerate()
print("done", flush=True)
"""


@pytest.fixture
def bare(interpreter: Interpreter, tmp_path: Path) -> Iterator[Target]:
    """A program that has imported next to nothing, and ends once ``sys.enough`` is there."""
    program = tmp_path / "bare.py"
    program.write_text(BARE)
    with running([interpreter.path, "-I", "-S", program], ready="^ready$") as target:
        yield target


@on_interpreters("3.8", "3.13", "3.15")
def test_modules(bare: Target) -> None:
    """Nothing is imported that the code does not import, but what it takes to show a traceback, once."""
    show = "import sys; print(*sorted(sys.modules))"
    before = succeed(bare.pid, "exec", "-c", show).stdout
    assert succeed(bare.pid, "exec", "-c", show).stdout == before
    for _ in range(2):
        failed = command.attach(bare.pid, "exec", "-c", "def f():\n    1 / 0\nf()")
        assert failed.code == 1
        assert "    1 / 0\n" in failed.stderr and failed.stderr.endswith("ZeroDivisionError: division by zero\n")
        after, before = before, succeed(bare.pid, "exec", "-c", show).stdout
    assert before == after


def test_first_import_of_threading(bare: Target) -> None:
    """Code that is the first to import threading does not become the program's main thread."""
    done = command.attach(bare.pid, "exec", "-c", "import logging; logging.warning('careful')")
    assert (done.code, done.stderr) == (0, "WARNING:root:careful\n"), str(done)
    command.attach(bare.pid, "exec", "-c", "import sys; sys.enough = 1")  # it may end sooner than that is answered
    assert bare.wait_for_end() == 0
    assert bare.stderr == ""
    assert bare.stdout == "ready\ndone\n"


@on_interpreters("3.8", "3.15")
def test_children(loop: Target) -> None:
    """Programs and children that the code starts have the process's signals and its own stdout."""
    code = (
        "import os, subprocess, sys\n"
        "status = subprocess.run(['cat', '/proc/self/status'], stdout=subprocess.PIPE).stdout.decode()\n"
        "print([line for line in status.splitlines() if line.startswith('SigBlk')])\n"
        "subprocess.run(['echo', 'from a program'])\n"
        "pid = os.fork()\n"
        "if pid: print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if sys.version_info >= (3, 9) else "
        "os.waitpid(pid, 0)[1] >> 8)\n"
        "else: print('from a child'); 1 / 0"
    )
    done = succeed(loop.pid, "exec", "-c", code)
    assert done.stdout.splitlines() == ["['SigBlk:\\t0000000000000000']", "1"], str(done)
    assert "from a program\n" in loop.stdout
    assert "from a child\n" in loop.stdout
    assert "ZeroDivisionError" in loop.stderr
    servers.drive_loop(loop)


def test_terminal(loop_312: Target) -> None:
    """On a terminal the code's text, lines and tabs are shown, and control sequences as what they are."""
    code = "print('a\\tb'); print('\\x1b[31mred\\x07'); 1 / 0"
    with pexpect.spawn(
        command.ATTACH[0], [*command.ATTACH[1:], str(loop_312.pid), "exec", "-c", code], encoding="utf-8", timeout=60
    ) as terminal:
        shown = terminal.read()
    assert "a\tb\r\n\\x1b[31mred\\x07\r\n" in shown
    assert "ZeroDivisionError: division by zero\r\n" in shown


@on_interpreters("3.8", "3.12", "3.15")
def test_end_of_the_program(bare: Target) -> None:
    """A program that ends while code runs and prints in it ends as always, and exec says so."""
    with started(bare.pid, "exec", "-c", "import sys\nwhile True: print(1); sys.enough = 1") as operator:
        _, stderr = operator.communicate(timeout=60)
    assert (operator.returncode, "[target-exited]" in stderr) == (3, True), stderr
    assert bare.wait_for_end() == 0
    assert (bare.stdout, bare.stderr) == ("ready\ndone\n", "")


def test_broken_pipe(loop_312: Target) -> None:
    """When who reads the output has left, the code is interrupted, and exit 141 without a word."""
    before = with_ctypes(loop_312)
    with started(loop_312.pid, "exec", "-c", "while True: print(1)") as operator:
        assert operator.stdout is not None
        operator.stdout.close()
        assert operator.wait(60) == 141
        assert operator.stderr is not None
        assert operator.stderr.read() == ""
        operator.stdout = None
    assert_untouched(before, loop_312.pid, ignoring=PICTURE)


@on_interpreters("3.8", "3.14")
def test_refused_imports(interpreter: Interpreter) -> None:
    """A program that refuses every import runs code all the same, and the essence of a traceback is shown."""
    with running([interpreter.path, TARGETS / "refusing.py"], ready="^ready$") as target:
        done = command.attach(target.pid, "exec", "-c", "print('here')\ndef f():\n    1 / 0\nf()")
    assert (done.code, done.stdout) == (1, "here\n"), str(done)
    assert '  File "<attach -c>", line 3, in f\n' in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


GEVENT = """
from gevent import monkey
monkey.patch_all()
import os, sys, threading, time
def work():
    while True:
        time.sleep(0.001)
        print("tick", flush=True)
threading.Thread(target=work, daemon=True).start()
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""


@on_interpreters("3.12")
def test_gevent(interpreter: Interpreter, tmp_path: Path) -> None:
    """In a program patched by gevent greenlets print where they always do, and code that uses it leaves nothing."""
    names = ("gevent>=24,<26", "greenlet>=3.1,<4", "zope.event>=5,<6", "zope.interface>=7,<8")
    path = os.pathsep.join(str(package(interpreter, name)) for name in names)
    program = tmp_path / "patched.py"
    program.write_text(GEVENT)
    code = "import time\nfor n in range(300): print(n)\ntime.sleep(0.01)\nprint('slept')"
    with running([interpreter.path, program], ready="^ready$", env={"PYTHONPATH": path}) as target:
        before = settled_picture(target.pid)
        done = succeed(target.pid, "exec", "-c", code)
        assert done.stdout.splitlines() == [*map(str, range(300)), "slept"]
        assert set(target.stdout.splitlines()) == {"ready", "tick"}
        assert_untouched(before, target.pid, ignoring=PICTURE)
        seen = target.stdout.count("tick")
        wait_until(lambda: target.stdout.count("tick") > seen, "a tick")


#: pyrasite's payloads: the exit code, and what is seen on stdout or stderr. Some need packages that no target here has.
PAYLOADS = {
    "helloworld": (0, "Hello World!\n"),
    "dump_modules": (0, "builtins: <module 'builtins' (built-in)>\n"),
    "dump_stacks": (0, "in main"),
    "force_garbage_collection": (0, ""),
    "dump_memory": (1, "No module named 'meliae'"),
    "start_callgraph": (1, "No module named 'pycallgraph'"),
    "stop_callgraph": (1, "No module named 'pycallgraph'"),
    "reverse_shell": (1, "No module named 'pyrasite'"),
    "reverse_python_shell": (1, "No module named 'pyrasite'"),
}


@on_interpreters("3.8", "3.12", "3.15")
def test_payloads(loop: Target) -> None:
    """pyrasite's payloads run by name, all of them."""
    listed = command.attach(loop.pid, "exec", "--payload", "?").stderr
    assert all(name in listed for name in PAYLOADS)
    assert len(listed.partition("there are: ")[2].split(", ")) == len(PAYLOADS)
    for name, (code, words) in PAYLOADS.items():
        done = command.attach(loop.pid, "exec", "--payload", name)
        assert done.code == code, str(done)
        assert words in done.stdout + done.stderr, str(done)


def test_library(loop_312: Target) -> None:
    """Session.run takes text, hands over output in order, and an exception out of it interrupts the code."""
    pieces: list[tuple[int, bytes]] = []
    with attach(loop_312.pid) as session:
        outcome = session.run("import sys; print(1); print(2, file=sys.stderr)", output=lambda *it: pieces.append(it))
        assert (outcome.how, pieces) == ("done", [(1, b"1\n"), (2, b"2\n")])

        def fail(_stream: int, _data: bytes) -> None:
            raise OSError("full")

        with pytest.raises(OSError, match="full"):
            session.run("while True: print(1)", output=fail)
        wait_until(lambda: session.status()["running"] == 0, "the end of the code")
        session.detach()


@pytest.fixture
def loop_312() -> Iterator[Target]:
    """tests/targets/loop.py on one interpreter, for what does not depend on the version."""
    with servers.loop(require_interpreter("3.12").path) as target:
        yield target
