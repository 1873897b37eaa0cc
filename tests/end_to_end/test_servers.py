"""The main job: measure a server that runs already, look at the report, leave; on every interpreter."""

import json
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest
from coverage import CoverageData

from tests.support import servers
from tests.support.command import succeed
from tests.support.marks import lines_marked
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import Target, http_get, wait_until


def executed(pid: int, folder: Path) -> dict[str, set[int]]:
    """The lines that a JSON snapshot reports as executed, by absolute file name."""
    succeed(pid, "snapshot", "--json=report.json", cwd=folder)
    report = json.loads((folder / "report.json").read_text())
    return {str((folder / name).resolve()): set(file["executed_lines"]) for name, file in report["files"].items()}


def assert_lines(found: dict[str, set[int]], source: Path) -> None:
    """Every line marked `ran` was seen, and none that cannot have run since the attach."""
    lines = found[str(source)]
    ran = lines_marked(source, "ran")
    assert ran <= lines, f"missing {sorted(ran - lines)}"
    allowed = lines_marked(source, "ran", "perhaps", "asked")
    assert lines <= allowed, f"never ran: {sorted(lines - allowed)}"


def test_loops_that_run_already(loop: Target, tmp_path: Path) -> None:
    """Loops in the main thread and in workers that ran before the attach are measured line for line, and then left."""
    before = settled_picture(loop.pid)
    succeed(loop.pid, "start-coverage")
    servers.drive_loop(loop)
    assert_lines(executed(loop.pid, tmp_path), servers.LOOP)
    succeed(loop.pid, "detach")
    assert_untouched(before, loop.pid, ignoring=("mapped_files",))
    servers.drive_loop(loop)


def test_gunicorn_with_flask(flask_server: Target, tmp_path: Path) -> None:
    """A threaded gunicorn worker is measured in requests and in a thread from before, and looks as before after."""
    (worker,) = flask_server.children()
    complete_pool(flask_server.port)
    inside = servers.interior(flask_server.port)
    before = settled_picture(worker)
    succeed(worker, "start-coverage")
    servers.drive_flask(flask_server.port)
    assert_lines(executed(worker, tmp_path), servers.FLASK_APP)
    succeed(worker, "detach")
    assert_untouched(before, worker, ignoring=("mapped_files", "descriptors"))
    servers.drive_flask(flask_server.port)
    assert servers.interior(flask_server.port) == inside


def complete_pool(port: int) -> None:
    """Requests side by side, until gunicorn's pool has made both of its threads."""

    def complete() -> bool:
        clients = [threading.Thread(target=http_get, args=(port,)) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return sum("Executor" in name for name in servers.interior(port)["threads"]) == 2

    wait_until(complete, "gunicorn's pool to be complete")


def test_uvicorn(asgi_server: Target, tmp_path: Path) -> None:
    """An asyncio server is measured in coroutines and in a task that was suspended, serves on, and looks as before."""
    before = settled_picture(asgi_server.pid)
    servers.drive_asgi(asgi_server.port)
    inside = servers.interior(asgi_server.port)
    succeed(asgi_server.pid, "start-coverage")
    servers.drive_asgi(asgi_server.port)
    assert_lines(executed(asgi_server.pid, tmp_path), servers.ASGI_APP)
    succeed(asgi_server.pid, "detach")
    assert_untouched(before, asgi_server.pid, ignoring=("mapped_files",))
    servers.drive_asgi(asgi_server.port)
    assert servers.interior(asgi_server.port) == inside


def test_http_server(http_server: Target, tmp_path: Path) -> None:
    """`python -m http.server`, which is the standard library, is measured with -L, in its idle main loop too."""
    succeed(http_server.pid, "start-coverage", "-L")
    assert http_get(http_server.port, "/loop.py").status == 200
    assert http_get(http_server.port, "/nothing").status == 404
    succeed(http_server.pid, "snapshot", "--data", cwd=tmp_path)
    data = CoverageData(str(tmp_path / ".coverage"))  # raw lines: our Python may not parse those of a newer one
    data.read()
    for name, text in (("http/server.py", '"File not found"'), ("socketserver.py", ".select(poll_interval)")):
        (file,) = (file for file in data.measured_files() if file.endswith(f"/{name}"))
        lines = Path(file).read_text().splitlines()
        assert any(text in lines[number - 1] for number in data.lines(file) or []), f"{text} did not run"
    succeed(http_server.pid, "detach")
    assert http_get(http_server.port, "/loop.py").status == 200


def test_snapshots_grow(flask_server: Target, tmp_path: Path) -> None:
    """A snapshot takes nothing away: the next one has the same lines and the new ones."""
    (worker,) = flask_server.children()
    source = str(servers.FLASK_APP)
    succeed(worker, "start-coverage")
    http_get(flask_server.port, "/")
    first = executed(worker, tmp_path)[source]
    again = executed(worker, tmp_path)[source]
    http_get(flask_server.port, "/total/5")
    second = executed(worker, tmp_path)[source]
    assert first <= again <= second
    assert lines_marked(servers.FLASK_APP, "ran") & (second - again)


def test_html(flask_server: Target, tmp_path: Path) -> None:
    """`snapshot --html` writes coverage.py's pages, with the target's lines, into htmlcov."""
    (worker,) = flask_server.children()
    succeed(worker, "start-coverage")
    servers.drive_flask(flask_server.port)
    done = succeed(worker, "snapshot", "--html", cwd=tmp_path)
    assert done.stdout == ""
    assert "htmlcov/index.html" in done.stderr
    assert "flask_app.py" in (tmp_path / "htmlcov" / "index.html").read_text()
    (page,) = (tmp_path / "htmlcov").glob("*flask_app_py.html")
    assert '<p class="run' in page.read_text()


def test_requests_while_attaching(flask_server: Target, tmp_path: Path) -> None:
    """No request fails while the agent comes, measures, reports and goes, over and over."""
    (worker,) = flask_server.children()
    failed: list[str] = []
    answered = 0
    done = threading.Event()

    def ask() -> None:
        nonlocal answered
        connection = HTTPConnection("127.0.0.1", flask_server.port, timeout=30)
        while not done.is_set():
            connection.request("GET", "/total/5", headers={"Connection": "close"})
            answer = connection.getresponse()
            text = answer.read()
            connection.close()
            answered += 1
            if (answer.status, text) != (200, b"1"):
                failed.append(f"{answer.status} {text!r}")

    client = threading.Thread(target=ask)
    client.start()
    try:
        for _ in range(3):
            succeed(worker, "start-coverage")
            succeed(worker, "snapshot", "--data", cwd=tmp_path)
            succeed(worker, "detach")
    finally:
        done.set()
        client.join()
    assert not failed
    assert answered > 20


@pytest.mark.parametrize(
    "options", [("--source", "flask_app"), ("--include", "*/flask_app.py"), ("--omit", "*/nothing.py")]
)
def test_scope(flask_server: Target, tmp_path: Path, options: tuple[str, str]) -> None:
    """--source, --include and --omit choose files as they do for coverage.py."""
    (worker,) = flask_server.children()
    succeed(worker, "start-coverage", *options)
    servers.drive_flask(flask_server.port)
    found = executed(worker, tmp_path)
    assert_lines(found, servers.FLASK_APP)
    names = {Path(name).name for name in found}
    assert ("interior.py" in names) is False  # it did not run; and no file of an installed package is there
    assert names == {"flask_app.py"}


def test_master(flask_server: Target) -> None:
    """Who starts on a master, which serves nothing itself, is told of the workers."""
    (worker,) = flask_server.children()
    assert str(worker) in succeed(flask_server.pid, "start-coverage").stderr
    succeed(flask_server.pid, "detach")
