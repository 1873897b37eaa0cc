"""`attach PID threads`: what every thread, greenlet and task does, and nothing of the process is touched for it."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.coverage.support import package
from tests.support import command
from tests.support.command import assert_explained, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import Target, http_get, running, wait_until

PARKED = TARGETS / "parked.py"
#: libraries stay mapped until the process ends
PICTURE = ("mapped_files",)
GEVENT = ("gevent>=24,<27", "greenlet>=3.1,<4", "zope.event>=5,<7", "zope.interface>=7,<9")
THREADS = ("parked-0", "parked-1", "parked-2", "parked-3")


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


def line_of(text: str) -> int:
    """The number of the only line of the program that begins with `text`."""
    (number,) = [n for n, line in enumerate(PARKED.read_text().splitlines(), 1) if line.strip().startswith(text)]
    return number


def looked_at(target: Target, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed(target.pid, "threads", "--json", *options).stdout)
    assert found["schema"] == 1 and found["pid"] == target.pid
    return found


def functions(item: dict[str, Any]) -> list[str]:
    return [frame["function"].rpartition(".")[2] for frame in item["stack"]]


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_threads(parked: Target, tmp_path: Path) -> None:
    """All threads with name, id, stack and the lines' text, whoever began them; none of ours; nothing is left."""
    before = settled_picture(parked.pid)
    found = looked_at(parked)
    threads = {thread["name"]: thread for thread in found["threads"]}
    assert sorted(threads) == ["", "MainThread", *THREADS]
    tids = {int(path.name) for path in Path(f"/proc/{parked.pid}/task").iterdir()}
    assert {thread["native_id"] for thread in found["threads"]} == tids
    assert [thread["name"] for thread in found["threads"] if thread["main"]] == ["MainThread"]
    assert [name for name in THREADS if threads[name]["daemon"]] == ["parked-2", "parked-3"]
    for name in ("", *THREADS):
        last = threads[name]["stack"][-1]
        assert (last["file"], last["function"]) == (str(PARKED), "wait")
        assert last["source"] == PARKED.read_text().splitlines()[last["line"] - 1].strip()
        assert last["line"] in (line_of("time.sleep"), line_of("time.sleep") - 1)
    assert functions(threads["MainThread"])[0] == "<module>"
    assert threads["MainThread"]["waits"] in ("epoll_wait", "futex", "")  # futex: it was about to take the GIL
    assert found["others"] == []
    assert_untouched(before, parked.pid, ignoring=PICTURE)
    end(parked, tmp_path)


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_tasks(parked: Target, tmp_path: Path) -> None:
    """Every task with its name, the chain of what it awaits as a stack, what that is in the end, and who awaits it."""
    found = looked_at(parked)
    tasks = found["tasks"]
    by_name = {task["name"]: task for task in tasks}
    assert {"both", "generator", "reader"} < set(by_name) and len(tasks) == 6
    (loop,) = found["loops"]
    assert loop["thread"] == parked.pid and loop["kind"].endswith("UnixSelectorEventLoop")
    assert functions(by_name["generator"]) == ["through_generator", "numbers", "sleep"]
    assert by_name["generator"]["awaits"] == "sleep(1800)"
    assert functions(by_name["reader"])[:2] == ["reader", "get"] and by_name["reader"]["awaits"] == "Queue.get"
    assert by_name["both"]["awaits"] == "gather"
    leaves = [task for task in tasks if task["coroutine"] == "leaf"]
    assert sorted(leaf["awaits"] for leaf in leaves) == ["Lock.acquire", "sleep(3600)"]
    for leaf in leaves:
        assert [tasks[number]["name"] for number in leaf["awaited_by"]] == ["both"]
        assert tasks.index(leaf) in by_name["both"]["awaits_tasks"]
    assert {task["state"] for task in tasks if task["coroutine"] != "main"} == {"waiting"}
    end(parked, tmp_path)


@on_interpreters("3.8", "3.12", "3.15")
def test_locals(parked: Target, tmp_path: Path) -> None:
    """Variables are shown without a line of the program's code, bounded, and their functions go on as before."""
    for _ in range(3):
        found = looked_at(parked, "--locals")
    assert found["problems"] == []
    frames = {thread["name"]: thread["stack"][-1]["locals"] for thread in found["threads"]}
    one = frames["parked-1"]
    assert set(one) == {"touchy", "words", "odd", "plain", "huge", "number", "shared", "inner"}
    assert (one["number"], one["shared"]) == ("1", "1")
    assert frames["parked-0"]["dropped"] == "[1]"
    assert one["touchy"] == "<__main__.Touchy number=3>"
    assert one["words"] == "__main__.Words('hello')"
    assert one["odd"] == "<__main__.Odd>"
    assert one["huge"] == "<int of 10001 bits>"
    assert one["plain"].startswith("{'a': [1, 2, (...)], 'long': 'xxxx") and one["plain"].endswith("...(1000)}")
    assert one["inner"] == "<function wait.<locals>.inner>"
    (leaf,) = [task for task in found["tasks"] if task["awaits"] == "sleep(3600)"]
    assert leaf["stack"][-1]["locals"]["delay"] == "3600"
    end(parked, tmp_path)


@on_interpreters("3.8", "3.14")
def test_for_people(parked: Target, tmp_path: Path) -> None:
    """Equal stacks are shown once with the names of all, tasks below their loop, text of the process escaped."""
    shown = succeed(parked.pid, "threads").stdout
    assert "\nMainThread  (thread " in shown
    assert f"wait  {PARKED}:{line_of('time.sleep')}\n      time.sleep(0.01)\n" in shown
    assert "gather(Task-" in shown and "awaited by both)" in shown
    assert "<live-attach>" not in shown and "\x1b" not in shown
    assert "touchy = <__main__.Touchy number=3>" in succeed(parked.pid, "threads", "--locals").stdout
    end(parked, tmp_path)


MANY = """
import sys, threading
stop = threading.Event()
def deep(n):
    return deep(n - 1) if n else stop.wait()
names = ["same"] * 200 + ["odd \\x1b[31m name"]
threads = [threading.Thread(target=deep, args=(3,), name=name, daemon=True) for name in names]
threads.append(threading.Thread(target=deep, args=(500,), name="deep", daemon=True))
for thread in threads: thread.start()
print("ready", flush=True)
stop.wait()
"""


@on_interpreters("3.8", "3.15")
def test_many_threads(interpreter: Interpreter) -> None:
    """Hundreds of threads like one another are one stack, and a very deep one is told without its middle."""
    with running([interpreter.path, "-c", MANY], ready="^ready$") as target:
        shown = succeed(target.pid, "threads").stdout
        assert "\n201 threads like this: same, same, same, same, same, same and 195 more" in shown
        assert "\n  ... 3" in shown and " calls more ...\n" in shown
        assert len(shown.splitlines()) < 500
        assert r"odd \x1b[31m name" in succeed(target.pid, "threads").stdout or "odd" not in shown
        assert "\x1b" not in shown


@on_interpreters("3.8", "3.11", "3.14")
def test_under_gevent(interpreter: Interpreter) -> None:
    """Suspended greenlets are shown, by the names that their threads have for the program."""
    path = os.pathsep.join(str(package(interpreter, name)) for name in GEVENT)
    program = [interpreter.path, TARGETS / "gevent_app.py"]
    with running(program, ready=r"^port (?P<port>\d+)$", env={"PYTHONPATH": path}) as target:
        found: dict[str, Any] = {}

        def both_wait() -> bool:
            found.update(looked_at(target))
            names = {greenlet["name"] for greenlet in found["greenlets"]}
            return "MainThread" in names and any(name.startswith("Thread-") for name in names)

        wait_until(both_wait, "both greenlets to wait at once")
        assert [thread["main"] for thread in found["threads"] if thread["stack"]].count(True) == 1
        assert http_get(target.port).text == "32"


@on_interpreters("3.12", "3.15")
def test_beside_others(parked: Target, tmp_path: Path) -> None:
    """Code of another operator, and coverage, go on: their threads are none of the program's."""
    succeed(parked.pid, "start-coverage")
    with command.started(parked.pid, "exec", "-c", "import time\nprint(1, flush=True)\ntime.sleep(60)") as operator:
        assert operator.stdout is not None and operator.stdout.readline() == "1\n"
        found = looked_at(parked)
        assert sorted(thread["name"] for thread in found["threads"]) == ["", "MainThread", *THREADS]
        assert found["others"] == []
    assert "measuring" in succeed(parked.pid, "status").stdout
    end(parked, tmp_path)


def test_refused() -> None:
    """A process that is none of Python is told, as by every command."""
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            assert_explained(command.attach(process.pid, "threads"), 5, "[not-python]")
        finally:
            process.kill()
