"""start-coverage --every: the process itself writes a data file at intervals."""

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from coverage import CoverageData

from attach import Session
from attach.errors import DataFileNotWritable
from tests.end_to_end.asking import ASKED, Asked, asked_program, functions
from tests.support.command import assert_explained, attach, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import wait_until


@pytest.fixture
def asked(interpreter: Interpreter, tmp_path: Path) -> Iterator[Asked]:
    with asked_program(interpreter, tmp_path) as program:
        yield program


def saved(path: Path, context: str | None = None) -> set[str]:
    """The functions that ran by a data file; none if there is none yet."""
    if not path.exists():
        return set()
    data = CoverageData(str(path))
    data.read()
    if context is not None:
        data.set_query_context(context)
    return functions(set(data.lines(str(ASKED)) or ()))


def wait_for_saved(path: Path, expected: set[str]) -> None:
    wait_until(lambda: saved(path) == expected, f"{expected} in {path}")


@contextmanager
def saving(program: Asked, every: float, data_file: Path) -> Iterator[Session]:
    with Session.attach(program.pid) as session:
        session.coverage.start(every=every, data_file=str(data_file))
        yield session


def test_killed(asked: Asked, tmp_path: Path) -> None:
    """What ran until the last write outlives kill -9, in a file that coverage.py's own commands take."""
    succeed(asked.pid, "start-coverage", "--every", "0.2", "--context", "night")
    asked.tell("one")
    (path,) = wait_until(lambda: list(tmp_path.glob(".coverage.*")), "a data file")
    assert re.fullmatch(rf"\.coverage\.{re.escape(os.uname().nodename)}\.pid{asked.pid}\.[0-9a-f]{{8}}", path.name)
    wait_for_saved(path, {"one"})
    asked.tell("two")
    wait_for_saved(path, {"one", "two"})
    os.kill(asked.pid, signal.SIGKILL)
    asked.target.wait_for_end()
    assert saved(path, "night") == {"one", "two"}
    assert [file.name for file in tmp_path.iterdir() if file.name != "told"] == [path.name]
    for command in ("combine", "report"):
        subprocess.run([sys.executable, "-m", "coverage", command], check=True, cwd=tmp_path, capture_output=True)
    assert saved(tmp_path / ".coverage") == {"one", "two"}


@on_interpreters("3.8", "3.10", "3.12", "3.15")
def test_orderly_end(asked: Asked, tmp_path: Path) -> None:
    """A process that ends by itself writes once more, up to its own handlers at exit."""
    path = tmp_path / "data"
    with saving(asked, 1000, path):
        asked.tell("one")
    assert not path.exists()
    assert asked.end() == 0
    assert saved(path) - {"last"} == {"one"}
    assert asked.target.stderr == ""


def test_stop_and_detach(asked: Asked, tmp_path: Path) -> None:
    """stop-coverage and detach write a last time; then no thread and no hook of ours is left."""
    asked.tell("one")
    before = settled_picture(asked.pid)
    succeed(asked.pid, "start-coverage", "--every", "1000", f"--data-file={tmp_path}/first")
    asked.tell("one")
    assert f"{tmp_path}/first" in succeed(asked.pid, "stop-coverage").stderr
    assert saved(tmp_path / "first") == {"one"}
    succeed(asked.pid, "start-coverage", "--every", "1000", "--data-file=second", cwd=tmp_path)
    asked.tell("two")
    assert f"{tmp_path}/second" in succeed(asked.pid, "detach").stderr
    assert saved(tmp_path / "second") == {"one", "two"}
    assert_untouched(before, asked.pid, ignoring=("mapped_files", "modules"))
    asked.tell("kept")
    assert "kept []" in asked.target.stdout  # as a hook of `atexit` would keep it
    (tmp_path / "second").unlink()
    assert asked.end() == 0
    assert not (tmp_path / "second").exists()
    assert asked.target.stderr == ""


@on_interpreters("3.8", "3.12", "3.15")
def test_failures_do_no_harm(asked: Asked, tmp_path: Path) -> None:
    """Where no file can be written any more measuring goes on, the last file stays, and every command says so."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "data"
    with saving(asked, 0.1, path) as session:
        asked.tell("one")
        wait_for_saved(path, {"one"})
        limits = resource.prlimit(asked.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(asked.pid, resource.RLIMIT_FSIZE, (5000, limits[1]))  # as a disk that is full
        asked.tell("two")
        wait_until(lambda: session.coverage.saving()["error"], "an error")
        assert saved(path) == {"one"}
        assert [file.name for file in folder.iterdir()] == ["data"]
        for command in ("status", "snapshot", "start-coverage --context=more"):
            done = succeed(asked.pid, *command.split())
            assert str(path) in done.stdout + done.stderr
        resource.prlimit(asked.pid, resource.RLIMIT_FSIZE, limits)
        wait_for_saved(path, {"one", "two"})
        wait_until(lambda: not session.coverage.saving()["error"], "no error")
        path.unlink()
        folder.rmdir()
        asked.tell("three")
        wait_until(lambda: session.coverage.saving()["error"], "an error")
        folder.mkdir()
        wait_for_saved(path, {"one", "two", "three"})
        session.detach()
    assert asked.target.stderr == ""


@on_interpreters("3.8", "3.12")
def test_unchanged_data_is_not_written(asked: Asked, tmp_path: Path) -> None:
    """The file is written when something new ran, and then only."""
    path = tmp_path / "data"
    with saving(asked, 0.1, path) as session:
        asked.tell("one")
        wait_for_saved(path, {"one"})
        wait_until(lambda: session.coverage.saving()["ago"] > 0.5, "some intervals")
        asked.tell("two")
        wait_for_saved(path, {"one", "two"})
        session.detach()


@on_interpreters("3.8", "3.12")
def test_refusals(interpreter: Interpreter, tmp_path: Path) -> None:
    """A place that cannot be written to, or is no file, is refused at the start, and nothing is started or harmed."""
    (tmp_path / "link").symlink_to("elsewhere")
    with asked_program(interpreter, tmp_path) as program:
        for place in ("none/data", ".", "link", "/dev/null"):
            done = attach(program.pid, "start-coverage", "--every=1", f"--data-file={place}", cwd=tmp_path)
            assert_explained(done, 1, "data-file-not-writable")
        with Session.attach(program.pid) as session:
            with pytest.raises(DataFileNotWritable):
                session.coverage.start(every=1, data_file="/proc/none")
            assert not session.status()["coverage"] or not dict(session.status()["coverage"])["measuring"]
        assert_explained(attach(program.pid, "start-coverage", "--data-file=x"), 2, "--every")
        succeed(program.pid, "detach")
    assert Path("/dev/null").is_char_device() and (tmp_path / "link").is_symlink()


@on_interpreters("3.8", "3.12", "3.15")
def test_without_sqlite(interpreter: Interpreter, tmp_path: Path) -> None:
    """A process whose SQLite cannot be loaded is refused before anything is started."""
    (tmp_path / "_sqlite3.py").write_text("raise ImportError('libsqlite3.so.0: cannot open shared object file')\n")
    told = tmp_path / "told"
    told.touch()
    with asked_program(interpreter, tmp_path, path=tmp_path) as program:
        done = attach(program.pid, "start-coverage", "--every=1")
        assert_explained(done, 5, "saving-unavailable", "libsqlite3.so.0")
        assert "not attached" in succeed(program.pid, "status").stdout


@on_interpreters("3.8", "3.13", "3.14")
def test_program_that_uses_sqlite(interpreter: Interpreter, tmp_path: Path) -> None:
    """A program may import sqlite3 before, while or after the agent uses its C module."""
    with asked_program(interpreter, tmp_path) as program, saving(program, 0.1, tmp_path / "data") as session:
        program.tell("one")
        wait_for_saved(tmp_path / "data", {"one"})
        program.tell("database", "two")
        wait_for_saved(tmp_path / "data", {"one", "two"})
        session.detach()
        program.tell("database")
        assert program.end() == 0
    with asked_program(interpreter, tmp_path) as program:
        program.tell("database")
        with saving(program, 1000, tmp_path / "data") as session:
            program.tell("one")
            session.detach()
        assert saved(tmp_path / "data") == {"one"}
        program.tell("database")


@on_interpreters("3.8", "3.12")
def test_forked_children(interpreter: Interpreter, tmp_path: Path) -> None:
    """A child that is forked meanwhile and ends in an orderly way does not write the file."""
    path = tmp_path / "data"
    with asked_program(interpreter, tmp_path) as program, saving(program, 1000, path) as session:
        program.tell("one", "child")
        assert not path.exists()
        session.detach()
        assert saved(path) >= {"one"}
