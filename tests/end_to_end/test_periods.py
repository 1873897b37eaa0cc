"""Snapshots in time: forgetting what was shown, what ran since a named moment, and under which label."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import CoverageData

from attach import Session
from attach.errors import TooManyNames
from attach_agent.coverage.record.periods import MAX_NAMES
from attach_agent.wire import unpack_lines
from tests.end_to_end.asking import ASKED, Asked, asked_program, functions, marked
from tests.support.command import assert_explained, attach, started, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import running, wait_until


@pytest.fixture
def asked(interpreter: Interpreter, tmp_path: Path) -> Iterator[Asked]:
    with asked_program(interpreter, tmp_path) as program:
        yield program


def seen(session: Session, **wanted: object) -> set[str]:
    measured = session.coverage.snapshot(**wanted)  # type: ignore[arg-type]
    return functions(unpack_lines(measured.lines.get(str(ASKED), b"")))


def in_json(folder: Path, name: str) -> set[str]:
    (file,) = json.loads((folder / name).read_text())["files"].values()
    return functions(set(file["executed_lines"]))


def test_reset_and_since(asked: Asked) -> None:
    """After a reset and since a name only what ran after it is shown, also what had run before; no name: all."""
    asked.tell("one", "two")
    with Session.attach(asked.pid) as session:
        session.coverage.start()
        asked.tell("one")
        assert seen(session, name="first") == {"one"}
        assert seen(session, since="first") == set()
        asked.tell("one", "two")
        assert seen(session, since="first", name="second") == {"one", "two"}
        asked.tell("three")
        assert seen(session, since="first") == {"one", "two", "three"}
        assert seen(session, since="second") == {"three"}
        assert seen(session) == {"one", "two", "three"}
        assert seen(session, since="second", name="second") == {"three"}  # the name moves
        assert seen(session, since="second") == set()
        assert seen(session, reset=True, name="third") == {"one", "two", "three"}
        asked.tell("two")
        assert seen(session) == seen(session, since="third") == {"two"}
        session.coverage.reset()
        asked.tell("one")
        assert seen(session) == {"one"}
        session.detach()


@on_interpreters("3.8", "3.14")
def test_commands(asked: Asked, tmp_path: Path) -> None:
    """snapshot --name, --since and --reset, reset-coverage and status say and do what they are documented to."""
    pid = asked.pid
    succeed(pid, "start-coverage")
    asked.tell("one")
    assert "--since before" in succeed(pid, "snapshot", "--name", "before").stderr
    asked.tell("two")
    succeed(pid, "snapshot", "--since", "before", "--json=since.json", "--reset", cwd=tmp_path)
    assert in_json(tmp_path, "since.json") == {"two"}
    assert_explained(attach(pid, "snapshot", "--since", "before"), 2, "unknown-name", "before", "none")
    asked.tell("three")
    succeed(pid, "snapshot", "--name", "a b")
    status = succeed(pid, "status").stdout
    assert "a b (" in status
    assert_explained(attach(pid, "snapshot", "--since", "before"), 2, "there are: a b")
    assert "goes on" in succeed(pid, "reset-coverage").stderr
    assert "named" not in succeed(pid, "status").stdout
    assert_explained(attach(pid, "snapshot", "--name", "x" * 300), 2, "bad-name")
    succeed(pid, "detach")


@on_interpreters("3.12")
def test_to_name_a_quiet_moment(asked: Asked, tmp_path: Path) -> None:
    """A moment before which nothing ran can be named; a report that was asked for is an error all the same."""
    succeed(asked.pid, "start-coverage", "--source", "json")
    assert "Nothing has run" in succeed(asked.pid, "snapshot", "--name", "begin").stderr
    assert_explained(attach(asked.pid, "snapshot", "--name", "begin", "--json", cwd=tmp_path), 1, "nothing-measured")
    succeed(asked.pid, "detach")


@on_interpreters("3.8", "3.12")
def test_failed_and_killed_snapshots_forget_nothing(asked: Asked, tmp_path: Path) -> None:
    """What a snapshot with --reset took comes again if its report fails, or its operator is killed."""
    pid = asked.pid
    succeed(pid, "start-coverage")
    asked.tell("one")
    failed = attach(pid, "snapshot", "--reset", "--html=/proc/none")
    assert failed.code == 1 and "output-not-writable" in failed.stderr
    asked.tell("two")
    os.mkfifo(tmp_path / "report.xml")  # nobody reads: to open it takes as long as we like
    with started(pid, "snapshot", "--reset", f"--xml={tmp_path}/report.xml") as snapshot:
        wait_until(lambda: waits_for_reader(snapshot.pid), "the report to be written")
        snapshot.send_signal(signal.SIGKILL)
        snapshot.wait()
    asked.tell("three")
    succeed(pid, "snapshot", "--json=report.json", "--reset", cwd=tmp_path)
    assert in_json(tmp_path, "report.json") == {"one", "two", "three"}
    succeed(pid, "detach")


def waits_for_reader(pid: int) -> bool:
    """It has opened a pipe that nobody reads (Linux, fs/pipe.c)."""
    return Path(f"/proc/{pid}/wchan").read_text() == "wait_for_partner"


@on_interpreters("3.8", "3.12")
def test_names_are_limited(asked: Asked) -> None:
    """There are so many names and no more; one that is there can be moved, and a reset makes room."""
    with Session.attach(asked.pid) as session:
        session.coverage.start()
        asked.tell("one")
        for number in range(MAX_NAMES):
            session.coverage.snapshot(name=f"moment {number}")
        with pytest.raises(TooManyNames):
            session.coverage.snapshot(name="one more")
        asked.tell("two")
        session.coverage.snapshot(name="moment 7")
        asked.tell("three")
        assert seen(session, since="moment 6") == {"two", "three"}
        assert seen(session, since="moment 7") == {"three"}
        session.coverage.reset()
        session.coverage.snapshot(name="one more")
        session.detach()


@on_interpreters("3.8", "3.12", "3.14")
def test_two_operators_and_resets(asked: Asked) -> None:
    """A snapshot that is under way shows what it began with, though another operator forgets it meanwhile."""
    with Session.attach(asked.pid) as session, Session.attach(asked.pid) as other:
        session.coverage.start()
        asked.tell("one")
        with session.coverage.taking(reset=True) as measured:
            assert functions(unpack_lines(measured.lines[str(ASKED)])) == {"one"}
            asked.tell("two")
            assert seen(other) == {"one", "two"}
        assert seen(other, reset=True) == {"two"}
        assert seen(session) == set()
        other.close()
        session.detach()


@on_interpreters("3.8", "3.12")
def test_formats_of_one_snapshot(interpreter: Interpreter, tmp_path: Path) -> None:
    """Several formats at once show one and the same, though the program runs new lines all the time."""
    program = tmp_path / "program.py"
    calls = "".join(f"x{number} = {number}\ntime.sleep(0.005)\n" for number in range(20_000))
    program.write_text(f"import time\nprint('ready', flush=True)\n{calls}")
    with running([interpreter.path, program], ready="^ready$") as target:
        succeed(target.pid, "start-coverage")
        succeed(target.pid, "snapshot", "--json=a.json", "--lcov=a.lcov", "--data=a.cov", "--xml=a.xml", cwd=tmp_path)
        succeed(target.pid, "snapshot", "--json=later.json", cwd=tmp_path)
        succeed(target.pid, "detach")
    ran = set(json.loads((tmp_path / "a.json").read_text())["files"]["program.py"]["executed_lines"])
    data = CoverageData(str(tmp_path / "a.cov"))
    data.read()
    assert set(data.lines(str(program)) or ()) == ran
    lcov = (tmp_path / "a.lcov").read_text()
    assert {int(number) for number in re.findall(r"^DA:(\d+),1", lcov, re.MULTILINE)} == ran
    xml = (tmp_path / "a.xml").read_text()
    assert {int(number) for number in re.findall(r'<line number="(\d+)" hits="1"', xml)} == ran
    later = json.loads((tmp_path / "later.json").read_text())["files"]["program.py"]["executed_lines"]
    assert ran < set(later)


@on_interpreters("3.8", "3.12", "3.14")
@pytest.mark.parametrize("branch", [False, True], ids=["lines", "branches"])
def test_contexts(asked: Asked, tmp_path: Path, branch: bool) -> None:
    """Reports and data files show under which label each line ran; the label may change while it is measured."""
    pid = asked.pid
    succeed(pid, "start-coverage", "--context", "night", *["--branch"] * branch)
    asked.tell("one", "three")
    succeed(pid, "snapshot", "--html", "--contexts", cwd=tmp_path)
    assert "labelled day" in succeed(pid, "start-coverage", "--context", "day").stderr
    assert "labelled day" in succeed(pid, "status").stdout
    asked.tell("two", "three")
    succeed(pid, "snapshot", "--html", "--json=a.json", "--data=a.cov", "--contexts", cwd=tmp_path)
    (file,) = json.loads((tmp_path / "a.json").read_text())["files"].values()
    labels = {int(line): set(contexts) for line, contexts in file["contexts"].items()}
    data = CoverageData(str(tmp_path / "a.cov"))
    data.read()
    by_line = data.contexts_by_lineno(str(ASKED))
    for function, expected in (("one", {"night"}), ("two", {"day"}), ("three", {"night", "day"})):
        for line in marked()[function]:
            assert labels[line] == set(by_line[line]) == expected
    (page,) = (tmp_path / "htmlcov").glob("*asked_py.html")
    assert "night" in page.read_text() and "day" in page.read_text()
    assert_explained(attach(pid, "start-coverage", "--context", "x", "--source", "json"), 6, "coverage-running")
    succeed(pid, "detach")
