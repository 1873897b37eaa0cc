"""The target programs do what their marks say, on every interpreter."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import servers
from tests.support.interpreters import Interpreter
from tests.support.marks import MARKS, LineLog, lines_marked

MARKED = (servers.LOOP, servers.FLASK_APP, servers.ASGI_APP)
DOCSTRING = 1  # its line is executed, and never counted as code


@pytest.fixture
def line_log(tmp_path: Path) -> LineLog:
    """An empty log."""
    return LineLog(tmp_path / "lines")


def check_marks(log: LineLog, path: Path, drive: Callable[[], None]) -> None:
    """What ran until now is marked `before`, what runs while `drive` is, is marked `ran`."""
    first = log.take(path)
    drive()
    then = log.take(path)
    perhaps = lines_marked(path, "perhaps")
    assert then - perhaps == lines_marked(path, "ran")
    assert lines_marked(path, "before") <= first
    assert first - perhaps - {DOCSTRING} <= lines_marked(path, "before", "ran")


@pytest.mark.parametrize("path", MARKED, ids=lambda path: path.name)
def test_every_line_with_code_has_one_mark(path: Path) -> None:
    """A line that a compiler knows, and no other, carries a mark."""
    marked = [number for mark in MARKS for number in lines_marked(path, mark)]
    assert len(marked) == len(set(marked))
    assert set(marked) == set(_lines_of(compile(path.read_text(), str(path), "exec"))) - {DOCSTRING}


def _lines_of(code: object) -> Iterator[int]:
    yield from (line for _, _, line in code.co_lines() if line)  # type: ignore[attr-defined]
    for constant in code.co_consts:  # type: ignore[attr-defined]
        if hasattr(constant, "co_lines"):
            yield from _lines_of(constant)


def test_the_loop_runs_the_lines_marked(interpreter: Interpreter, line_log: LineLog) -> None:
    """Once it is ready, loop.py runs exactly the lines marked `ran`."""
    with servers.loop(interpreter.path, line_log.env) as target:
        check_marks(line_log, servers.LOOP, lambda: servers.drive_loop(target))


def test_the_flask_application_runs_the_lines_marked(server_python: Path, line_log: LineLog) -> None:
    """Driven, flask_app.py runs exactly the lines marked `ran`."""
    with servers.flask(server_python, line_log.env) as target:
        check_marks(line_log, servers.FLASK_APP, lambda: servers.drive_flask(target.port))


def test_the_asgi_application_runs_the_lines_marked(server_python: Path, line_log: LineLog) -> None:
    """Driven, asgi_app.py runs exactly the lines marked `ran`."""
    with servers.uvicorn(server_python, env=line_log.env) as target:
        check_marks(line_log, servers.ASGI_APP, lambda: servers.drive_asgi(target.port))
