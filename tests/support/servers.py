"""The real servers of the tests, and the work that makes exactly the marked lines run."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.marks import TARGETS
from tests.support.processes import Response, Target, http_get, running, wait_until

LOOP = TARGETS / "loop.py"
FLASK_APP = TARGETS / "flask_app.py"
ASGI_APP = TARGETS / "asgi_app.py"


@contextmanager
def loop(python: Path, env: Mapping[str, str] | None = None) -> Iterator[Target]:
    """tests/targets/loop.py."""
    with running([python, LOOP], ready="^ready$", env=env) as target:
        yield target


@contextmanager
def http_server(python: Path, directory: Path = TARGETS) -> Iterator[Target]:
    """`python -m http.server`: a thread per request, main thread in select."""
    command: list[str | Path] = [python, "-m", "http.server", "--bind", "127.0.0.1", "0"]
    with running(command, ready=r"^Serving HTTP on \S+ port (?P<port>\d+)", cwd=directory) as target:
        yield target


@contextmanager
def gunicorn(
    python: Path,
    *options: str,
    workers: int = 1,
    app: str = "flask_app:app",
    env: Mapping[str, str] | None = None,
) -> Iterator[Target]:
    """gunicorn with `workers` threaded workers; `children()` are those, with the application loaded."""
    command: list[str | Path] = [python, "-m", "gunicorn"]
    command += ["--config", TARGETS / "gunicorn_conf.py", "--chdir", TARGETS]
    command += ["--worker-class", "gthread", "--threads", "2", "--workers", str(workers)]
    command += ["--bind", "127.0.0.1:0", *options, app]
    with running(command, ready=r"Listening at: http://127\.0\.0\.1:(?P<port>\d+)", env=env) as target:
        wait_until(lambda: target.stderr.count("Worker is ready") >= workers, f"{workers} workers")
        yield target


@contextmanager
def flask(python: Path, env: Mapping[str, str] | None = None) -> Iterator[Target]:
    """flask_app.py below gunicorn, in one worker; both of its threads are there, and have served."""
    with gunicorn(python, env=env) as target:
        with ThreadPoolExecutor(2) as clients:
            answers = list(clients.map(http_get, [target.port] * 2, ["/meet"] * 2))
        assert answers == [Response(200, "met")] * 2, answers
        yield target


@contextmanager
def uvicorn(
    python: Path, *options: str, app: str = "asgi_app:app", env: Mapping[str, str] | None = None
) -> Iterator[Target]:
    """uvicorn in one process, plain asyncio and h11."""
    command: list[str | Path] = [python, "-m", "uvicorn", "--loop", "asyncio", "--http", "h11"]
    command += ["--host", "127.0.0.1", "--port", "0"]
    command += ["--app-dir", TARGETS, *options, app]
    with running(command, ready=r"Uvicorn running on http://127\.0\.0\.1:(?P<port>\d+)", env=env) as target:
        yield target


def drive_loop(target: Target, cycles: int = 2) -> None:
    """Wait until tests/targets/loop.py has run `cycles` whole cycles more."""
    seen = target.stdout.count("cycle")
    # the cycle that is under way now began before the call: it does not count
    wait_until(lambda: target.stdout.count("cycle") > seen + cycles, f"{cycles} cycles")


def drive_flask(port: int) -> None:
    """Send the requests, and wait for the sweep, that run the lines of flask_app.py marked `ran`."""
    _expect(port, "/", Response(200, "it works"))
    _expect(port, "/total/5", Response(200, "1"))
    _expect(port, "/number/many", Response(400, "not a number"))
    _wait_for_growth(port, "/sweeps")


def drive_asgi(port: int) -> None:
    """Send the requests, and wait for the ticks, that run the lines of asgi_app.py marked `ran`."""
    _expect(port, "/", Response(200, "it works"))
    _expect(port, "/total/5", Response(200, "1"))
    _expect(port, "/nothing", Response(404, "there is no /nothing"))
    _wait_for_growth(port, "/ticks")


def interior(port: int) -> dict[str, Any]:
    """What the application behind `port` sees of itself: tests/targets/interior.py."""
    seen = json.loads(http_get(port, "/interior").text)
    assert isinstance(seen, dict)
    return seen


def _expect(port: int, path: str, expected: Response) -> None:
    answer = http_get(port, path)
    assert answer == expected, f"GET {path}: {answer}"


def _wait_for_growth(port: int, path: str) -> None:
    """Until the number at `path` has grown by 2: a round that has begun after this call has ended."""
    goal = int(http_get(port, path).text) + 2
    wait_until(lambda: int(http_get(port, path).text) >= goal, f"{path} to reach {goal}")
