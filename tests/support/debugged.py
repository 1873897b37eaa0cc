"""The servers of the debugger's tests: tests/targets/debugged, each in the program that it is run by."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Response, Target, http_get, running, wait_until
from tests.support.vitals import Vitals

PROGRAMS = Path(__file__).parent.parent / "targets" / "debugged"
SHOP = PROGRAMS / "shop.py"

PORT = r"^port (?P<port>\d+)$"
VITALS = r"^vitals (\d+) of (\d+)$"


@dataclass(frozen=True)
class Debugged:
    """A server that runs: `pid` is the process that does the work, which a debugger goes to."""

    target: Target
    pid: int
    port: int
    vitals: Vitals

    def get(self, path: str) -> Response:
        """What it answers; an error if it takes longer than 30 s."""
        return http_get(self.port, path)

    def assert_serving(self) -> None:
        """A request of another client is answered."""
        assert self.get("/price/10") == Response(200, "63")

    @contextmanager
    def asked(self, path: str) -> Iterator["Future[Response]"]:
        """A request of a client that waits for its answer meanwhile."""
        client = ThreadPoolExecutor(1)
        try:
            yield client.submit(self.get, path)
        finally:
            client.shutdown(wait=False)  # who leaves with an exception has yet to end what the request waits for


def line(mark: str, file: Path = SHOP) -> int:
    """The number of the one line of `file` that ends in ``# here: MARK``."""
    lines = file.read_text().splitlines()
    (number,) = (number for number, text in enumerate(lines, start=1) if text.endswith(f"# here: {mark}"))
    return number


def at(mark: str, file: Path = SHOP) -> str:
    """``FILE:LINE`` of the line, as --break wants it."""
    return f"{file}:{line(mark, file)}"


@contextmanager
def _started(
    command: Sequence[str | Path],
    ready: str,
    *,
    env: Mapping[str, str] | None = None,
    port: int = 0,
    cwd: Path = PROGRAMS,
    serves: Callable[[], None] | None = None,
) -> Iterator[Debugged]:
    """`command`, from when it has told where its vitals are."""
    with running(command, ready=ready, env=env, cwd=cwd) as target:
        found = target.wait_for(VITALS)
        answering, pid = int(found[1]), int(found[2])
        listening = port or target.port

        def serving() -> None:
            assert http_get(listening, "/price/10") == Response(200, "63")

        vitals = Vitals(pid, answering, target.scratch, serves or serving)
        yield Debugged(target, pid, listening, vitals)


@contextmanager
def threaded(python: Path, *arguments: str) -> Iterator[Debugged]:
    """threaded_server.py: a thread for each request; `sleeping` and `urgent` are its arguments."""
    with _started([python, PROGRAMS / "threaded_server.py", *arguments], PORT) as server:
        yield server


@contextmanager
def asyncio(python: Path) -> Iterator[Debugged]:
    """asyncio_server.py."""
    with _started([python, PROGRAMS / "asyncio_server.py"], PORT) as server:
        yield server


@contextmanager
def gevent(python: Path) -> Iterator[Debugged]:
    """gevent_server.py: every request is a greenlet of the main thread."""
    with _started([python, PROGRAMS / "gevent_server.py"], PORT) as server:
        yield server


@contextmanager
def gunicorn(python: Path, worker_class: str, *options: str) -> Iterator[Debugged]:
    """gunicorn with one worker of the class ``sync`` or ``gthread``, which has two threads."""
    command: list[str | Path] = [python, "-m", "gunicorn", "--config", PROGRAMS / "gunicorn_conf.py"]
    command += ["--worker-class", worker_class, "--bind", "127.0.0.1:0", "--workers", "1"]
    command += ["--threads", "2"] if worker_class == "gthread" else []
    command += [*options, "wsgi_app:app"]
    with _started(command, r"Listening at: http://127\.0\.0\.1:(?P<port>\d+)") as server:
        if worker_class == "gthread":
            wait_until(lambda: _has_two_threads(server), "gunicorn's pool to be complete")
        yield server


def _has_two_threads(server: Debugged) -> bool:
    """After requests side by side, for which gunicorn makes the threads of its pool."""
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(server.get, ["/price/10"] * 4))
    return sum("Executor" in name for name in server.vitals.ask("look")["interior"]["threads"]) == 2


@contextmanager
def uvicorn(python: Path) -> Iterator[Debugged]:
    """uvicorn, plain asyncio and h11."""
    command: list[str | Path] = [python, "-m", "uvicorn", "--loop", "asyncio", "--http", "h11"]
    command += ["--host", "127.0.0.1", "--port", "0", "asgi_app:app"]
    with _started(command, r"Uvicorn running on http://127\.0\.0\.1:(?P<port>\d+)") as server:
        yield server


@contextmanager
def celery(python: Path, pool: str, folder: Path) -> Iterator[Debugged]:
    """A celery worker with the pool ``solo``, ``threads`` or ``prefork``, and a client that asks it over HTTP."""
    (folder / "queue").mkdir()
    (folder / "results").mkdir()
    env = {"SHOP_FOLDER": str(folder), "SHOP_POOL": pool}
    worker: list[str | Path] = [python, "-m", "celery", "-A", "celery_app", "worker", "--pool", pool]
    worker += ["--concurrency", "1" if pool == "prefork" else "2", "--loglevel", "INFO"]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with (
        running([python, PROGRAMS / "celery_app.py"], ready=PORT, env=env, cwd=PROGRAMS) as client,
        _started(worker, r" ready\.$", env=env, port=client.port) as server,
    ):
        yield server


@contextmanager
def hanging_pytest(python: Path, folder: Path, *options: str) -> Iterator[Debugged]:
    """A pytest run whose first test waits until ``folder/go`` appears."""
    hangs = folder / "hangs"
    env = {"HANGS": str(hangs), "GO_ON": str(folder / "go"), "PYTHONPATH": str(PROGRAMS)}
    command: list[str | Path] = [python, "-m", "pytest", "-p", "vitals_first", "-p", "no:cacheprovider"]
    settings = folder / "pytest.ini"
    settings.write_text("[pytest]\n")
    command += ["--noconftest", "-c", settings, *options, PROGRAMS / "hanging_run.py"]
    with _started(command, VITALS, env=env, cwd=folder, serves=lambda: None) as server:
        wait_until(hangs.exists, "the test to hang")
        yield server


def screen_of(text: str) -> list[str]:
    """Lines of what was on a screen, without empty ones and without what follows a line's text."""
    return [stripped for stripped in (re.sub(r"\s+$", "", one) for one in text.splitlines()) if stripped]
