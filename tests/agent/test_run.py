"""The stand-ins for streams and arguments, interrupts, and what a run leaves: in this process, with its own threads."""

import contextlib
import copy
import io
import linecache
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attach_agent import stand_in, streams
from attach_agent.interrupts import Interrupts
from attach_agent.run import MOST_WAITING, PIECE, Run, exited
from attach_agent.streams import Output, Ownership, StandIns, own_streams
from attach_agent.tracebacks import formatted, show_lines
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import wait_until

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    """Not placed yet; sys is afterwards as before."""
    for name in ("stdin", "stdout", "stderr", "argv"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    yield StandIns(threading.get_ident, vars(stand_in))
    sys.__dict__.pop("_live_attach_stand_ins", None)


def elsewhere(function: Callable[[], Any]) -> Any:
    """What `function` returns in another thread."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    (value,) = found
    return value


def test_own_and_others(stand_ins: StandIns) -> None:
    """The thread that has entered meets its own, every other the program's, and removed is as never placed."""
    theirs, mine = io.StringIO(), io.StringIO()
    sys.stdout, sys.argv = theirs, ["program", "x"]
    before = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr", "argv")}
    stand_ins.place()
    stand_ins.enter({"stdout": mine, "argv": ["mine"]})
    print("here")
    elsewhere(lambda: print("there"))
    assert (mine.getvalue(), theirs.getvalue()) == ("here\n", "there\n")
    assert sys.argv == ["mine"]
    assert elsewhere(lambda: (list(sys.argv), sys.argv[1:], len(sys.argv))) == (["program", "x"], ["x"], 2)
    assert elsewhere(lambda: isinstance(sys.stdout, io.StringIO) and sys.stdout.getvalue()) == "there\n"
    stand_ins.leave()
    assert sys.stdout.getvalue() == "there\n"  # type: ignore[attr-defined]
    stand_ins.remove()
    assert all(getattr(sys, name) is thing for name, thing in before.items())


def test_replaced_meanwhile(stand_ins: StandIns) -> None:
    """What somebody else has put there stays, and who kept a stand-in writes through it to the program's for ever."""
    theirs = sys.stdout = io.StringIO()
    stand_ins.place()
    kept, sys.stdout = sys.stdout, io.StringIO()
    new = sys.stdout
    stand_ins.remove()
    assert sys.stdout is new
    print("late", file=kept)
    assert theirs.getvalue() == "late\n"


def test_put_on_top(stand_ins: StandIns) -> None:
    """A second run under a redirection that came meanwhile meets its own all the same, and both come off in order."""
    theirs = sys.stdout = io.StringIO()
    stand_ins.place()
    sys.stdout = io.StringIO()
    on_top = sys.stdout
    stand_ins.place()
    mine = io.StringIO()
    stand_ins.enter({"stdout": mine})
    print("mine")
    assert (mine.getvalue(), on_top.getvalue(), theirs.getvalue()) == ("mine\n", "", "")
    stand_ins.leave()
    stand_ins.remove()
    assert sys.stdout is on_top


def test_users(stand_ins: StandIns) -> None:
    """Stand-ins stay for as long as somebody needs them, each name by itself; what is put back late is put back."""
    before = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr", "argv")}
    stand_ins.place("one")
    stand_ins.place("other", ("stdout",))
    kept = sys.stdout
    stand_ins.remove("one")
    assert sys.argv is before["argv"] and sys.stdin is before["stdin"]
    assert sys.stdout is kept
    with contextlib.redirect_stdout(io.StringIO()):
        stand_ins.place("other", ("stdout",))
        stand_ins.remove("other")
    assert sys.stdout is kept  # by contextlib
    stand_ins.remove("other")
    assert all(getattr(sys, name) is thing for name, thing in before.items())


@pytest.mark.parametrize("missing", [True, False])
def test_no_stream_at_all(stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch, missing: bool) -> None:
    """Where there is no stdout other threads print to nowhere, as they did, and there is none afterwards."""
    if missing:
        monkeypatch.delattr(sys, "stdout")
    else:
        sys.stdout = None  # type: ignore[assignment]
    stand_ins.place()
    elsewhere(lambda: print("lost", flush=True))
    assert not elsewhere(lambda: bool(sys.stdout))
    stand_ins.remove()
    assert getattr(sys, "stdout", "missing") == ("missing" if missing else None)


def test_never_freed_under_a_printing_thread(stand_ins: StandIns) -> None:
    """CPython before 3.14 prints through a borrowed reference: a stand-in lives on, and is used again, not doubled."""
    for _ in range(100):
        stand_ins.place()
        used = sys.stdout
        stand_ins.remove()
    kept = sys.__dict__.get("_live_attach_stand_ins", [])
    assert len(kept) == (3 if sys.version_info < (3, 14) else 0)
    assert not kept or any(used is one for _, _, one in kept)
    for _ in range(100):
        sys.stdout = io.StringIO()
        stand_ins.place()
        stand_ins.remove()
    assert len(sys.__dict__.get("_live_attach_stand_ins", [])) <= streams._MOST_KEPT


def test_arguments_are_a_list(stand_ins: StandIns) -> None:
    """sys.argv does what a list does: operators, methods, copies, pickles, and functions written in C."""
    sys.argv = ["program", "x"]
    stand_ins.place()
    stand_ins.enter({"argv": ["mine", "y"]})
    argv = sys.argv
    assert isinstance(argv, list)
    assert argv + ["z"] == ["mine", "y", "z"]  # noqa: RUF005
    assert ["z"] + argv == ["z", "mine", "y"]  # noqa: RUF005
    assert (" ".join(argv), list(argv), [*argv], tuple(argv), sorted(argv)) == (
        "mine y", ["mine", "y"], ["mine", "y"], ("mine", "y"), ["mine", "y"]
    )  # fmt: skip
    assert pickle.loads(pickle.dumps(argv)) == copy.deepcopy(argv) == argv.copy() == ["mine", "y"]
    assert type(pickle.loads(pickle.dumps(argv))) is list
    argv += ["z"]
    argv.append("end")
    del argv[0]
    assert (argv == ["y", "z", "end"], "z" in argv, argv.index("z"), repr(argv)) == (True, True, 1, "['y', 'z', 'end']")
    assert elsewhere(lambda: list(sys.argv)) == ["program", "x"]
    stand_ins.remove()
    assert sys.argv == ["program", "x"]


def test_streams_of_a_run() -> None:
    """They take text and bytes, in order; stdin is at its end; another thread, and who comes late, is led elsewhere."""
    taken: list[tuple[int, bytes]] = []
    instead = {"stdout": io.StringIO()}
    is_own = Ownership(threading.get_ident)
    own = own_streams(lambda stream, data: taken.append((stream, data)), is_own, instead)
    print("ä", file=own["stdout"])
    own["stdout"].buffer.write(memoryview(b"\xff"))
    print("\udcff", file=own["stdout"], end="")
    print("\ud800", file=own["stderr"], end="")
    assert b"".join(data for stream, data in taken if stream == 1) == "ä\n".encode() + b"\xff\xff"
    assert b"".join(data for stream, data in taken if stream == 2) == b"\\ud800"
    assert (own["stdin"].read(), own["stdin"].readline()) == ("", "")
    assert not own["stdout"].isatty()
    assert (own["stdout"].encoding, own["stdout"].name, own["stdout"].mode) == ("utf-8", "<stdout>", "w")
    with pytest.raises(io.UnsupportedOperation):
        own["stdout"].fileno()
    elsewhere(lambda: print("there", file=own["stdout"]))
    is_own.end()
    print("late", file=own["stdout"])
    assert instead["stdout"].getvalue() == "there\nlate\n"


def test_closed_by_the_code() -> None:
    """Code that closes its stdout gets what Python gives it then, an error in its own thread."""
    own = own_streams(lambda *_: None, Ownership(threading.get_ident), {})
    binary = own["stdout"].buffer
    own["stdout"].close()
    with pytest.raises(ValueError, match="closed"):
        print("x", file=own["stdout"])
    with pytest.raises(ValueError, match="closed"):
        binary.write(b"x")
    assert isinstance(binary, Output)


def a_run() -> Run:
    """A run that was not started."""
    runs: Any = SimpleNamespace(native=lambda module, *names: getattr(module, names[0]))
    return Run(runs, b"", "", "x.py", [])


def test_bounded_memory() -> None:
    """A thread that writes waits while too much waits to be fetched, and goes on as it is, in order."""
    run = a_run()
    lines = [b"%08d\n" % n * 1000 for n in range(3 * MOST_WAITING // 9000)]
    writer = threading.Thread(target=lambda: [run.put(1, line) for line in lines], daemon=True)
    writer.start()
    wait_until(lambda: run.written - run.fetched >= MOST_WAITING, "the writer to wait")
    fetched = b""
    while len(fetched) < sum(map(len, lines)):
        pieces, how = run.read(1.0)
        assert how == ""
        assert run.written - run.fetched <= MOST_WAITING + 2 * PIECE
        fetched += b"".join(data for _, data in pieces)
    writer.join()
    assert fetched == b"".join(lines)


def test_small_pieces() -> None:
    """What counts is the memory that they take, not their length."""
    run = a_run()
    writer = threading.Thread(target=lambda: [run.put(1, b"x") for _ in range(MOST_WAITING)], daemon=True)
    writer.start()
    wait_until(lambda: run.written >= MOST_WAITING, "the writer to wait")
    run.cut = True
    writer.join(30)
    assert len(run.output) < MOST_WAITING / 50


def test_nobody_fetches() -> None:
    """When the operator is gone the writer does not wait, and nothing is kept."""
    run = a_run()
    writer = threading.Thread(target=lambda: run.put(1, bytes(3 * MOST_WAITING)), daemon=True)
    writer.start()
    wait_until(lambda: run.written >= MOST_WAITING, "the writer to wait")
    run.cut = True
    writer.join(30)
    assert not writer.is_alive()
    assert run.written < 2 * MOST_WAITING


def test_the_end_comes_last() -> None:
    """How the run ended is told when all of its output is."""
    run = a_run()
    run.put(1, bytes(5 << 19))
    run.how = "done"
    answers = [run.read(0.1) for _ in range(3)]
    assert [how for _, how in answers] == ["", "", "done"]
    assert sum(len(data) for pieces, _ in answers for _, data in pieces) == 5 << 19


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_interrupts_stop_at_the_end(interpreter: Interpreter) -> None:
    """An interrupt that is on its way while the code ends is waited for: it comes before the end or not at all."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "agent")}
    program = [interpreter.path, ROOT / "tests" / "targets" / "interrupting.py"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    early, late = map(int, done.stdout.split())
    assert (early, late) == (20, 0)


def test_interrupt_before_the_begin() -> None:
    """One that comes before the thread has begun is not lost."""
    interrupts = Interrupts()
    assert interrupts.send() == ""
    with pytest.raises(KeyboardInterrupt):
        interrupts.begin(threading.get_ident())
    interrupts.end()


def test_lines_are_put_back() -> None:
    """The source of a run hides a file of that name only while it runs, also where two runs overlap."""
    name = "some.py"
    linecache.cache[name] = (1, None, ["theirs\n"], name)
    try:
        first = show_lines(linecache, name, "first\n")
        second = show_lines(linecache, name, "second\n")
        assert linecache.getline(name, 1) == "second\n"
        first()
        assert linecache.getline(name, 1) == "second\n"
        second()
        assert linecache.getline(name, 1) == "theirs\n"
    finally:
        del linecache.cache[name]
    show_lines(linecache, name, "x")()
    assert name not in linecache.cache


class Broken(BaseException):
    """Nothing can be asked of it."""

    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize("module", [traceback, None])
@pytest.mark.parametrize("error", [Broken(), ValueError("\udc80")])
def test_any_exception_is_shown(module: Any, error: BaseException) -> None:
    """Whatever an exception does when it is shown, there is a text with its name."""
    try:
        raise error
    except BaseException as raised:
        assert type(error).__name__.encode() in formatted(raised, module)


def test_exit_statuses() -> None:
    """SystemExit as Python takes it: None, numbers, anything else as a message."""
    assert exited(SystemExit()) == exited(SystemExit(0)) == exited(SystemExit(False)) == (0, b"")
    assert exited(SystemExit(5)) == (1, b"")
    assert exited(SystemExit("bye")) == (1, b"bye\n")
    assert exited(SystemExit(("a", "b"))) == (1, b"('a', 'b')\n")
