"""No stop lasts for ever, and nobody who watches the program from outside ends it for a stop."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from attach.debugging import Break
from tests.debug.faults import TICK, WORK, faulty, operator
from tests.support import servers
from tests.support.environments import server_environment
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Response, Target, http_get, running

VERSIONS = on_interpreters("3.8", "3.12", "3.15")
#: gunicorn 23 runs on the first, 26 on the second.
SERVERS = on_interpreters("3.8", "3.12")
WSGI = TARGETS / "faulty_wsgi.py"
(ANSWER,) = (n for n, text in enumerate(WSGI.read_text().splitlines(), 1) if text.endswith("# here: answer"))
ANSWERING = Break(str(WSGI), ANSWER)
#: What gunicorn's arbiter waits for, in seconds; it looks once a second.
LIMIT = 4


@VERSIONS
def test_stop_timeout(interpreter: Interpreter) -> None:
    """--stop-timeout counts all stops of a session, typing or not; then the program goes on."""
    with faulty(interpreter.path) as program, operator(program.pid, breaks=(WORK,), stop_timeout=1.0) as user:
        user.wait_for_prompt()
        begin = time.monotonic()
        while not any(event[0] == "closed" for event in user.events):
            user.debug.feed("continue\n")
            time.sleep(0.05)
            assert time.monotonic() - begin < 20
        _, reason, stopped = user.wait_for("closed")
        assert "--stop-timeout" in reason
        assert stopped >= 1.0
        program.assert_as_before()


@VERSIONS
def test_idle_timeout(interpreter: Interpreter) -> None:
    """--idle-timeout counts from the prompt on, anew after each line; what is evaluated is no idle time."""
    with faulty(interpreter.path) as program, operator(program.pid, breaks=(TICK,), idle_timeout=0.8) as user:
        user.wait_for_prompt()
        user.ask("import time; time.sleep(1.2)\n")
        assert user.ask("p 6 * 7\n") == "42\n"
        assert "--idle-timeout" in user.wait_for("closed")[1]
        program.assert_as_before()


@VERSIONS
def test_agent_gone(interpreter: Interpreter) -> None:
    """Where the agent is ended while a thread is stopped, that thread goes on, and nothing is left."""
    with faulty(interpreter.path) as program:
        with operator(program.pid, breaks=(WORK,), stop_timeout=0) as user:
            user.wait_for_prompt()
            program.ask("ends_agent")
            program.assert_goes_on()
        program.assert_as_before()


@on_interpreters("3.12")
def test_other_watchers(interpreter: Interpreter) -> None:
    """The operator is told of systemd's watchdog."""
    command = [interpreter.path, TARGETS / "faulty.py"]
    with (
        running(command, ready=r"^port (?P<port>\d+)$", env={"WATCHDOG_USEC": "30000000"}) as target,
        operator(target.pid, breaks=(WORK,)) as user,
    ):
        assert "for 30 s (WatchdogSec=)" in user.wait_for("note", lambda event: "systemd" in event[1])[1]
        user.wait_for_prompt()


@contextmanager
def gunicorn(interpreter: Interpreter, kind: str) -> Iterator[tuple[Target, int]]:
    """gunicorn with one worker that may be silent for LIMIT seconds: (its arbiter, the PID of the worker)."""
    python = server_environment(interpreter)
    options = [
        "--worker-class",
        kind,
        "--threads",
        "2" if kind == "gthread" else "1",
        "--timeout",
        str(LIMIT),
        "--graceful-timeout",
        "1",
    ]
    with servers.gunicorn(python, *options, app="faulty_wsgi:app") as target:
        (worker,) = target.children()
        assert http_get(target.port) == Response(200, str(worker))
        yield target, worker


@contextmanager
def asked(target: Target) -> Iterator["Future[Response]"]:
    """A client that waits for its answer meanwhile."""
    with ThreadPoolExecutor(1) as client:
        yield client.submit(http_get, target.port)


@SERVERS
def test_gunicorn(interpreter: Interpreter) -> None:
    """A sync worker goes on before gunicorn's arbiter would end it, which the operator was told, and answers."""
    with gunicorn(interpreter, "sync") as (target, worker), operator(worker, breaks=(ANSWERING,)) as user:
        user.wait_for("note")
        with asked(target) as answer:
            user.wait_for("note", lambda event: "--keepalive" in event[1])
            user.wait_for_prompt()
            assert "gunicorn" in user.wait_for("closed")[1]
            assert answer.result(30) == Response(200, str(worker))
        assert http_get(target.port) == Response(200, str(worker))
        assert "WORKER TIMEOUT" not in target.stderr


@SERVERS
@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_gunicorn_keepalive(interpreter: Interpreter, kind: str) -> None:
    """With --keepalive a worker stays stopped for longer than gunicorn waits; one of gthread's threads does anyway."""
    with (
        gunicorn(interpreter, kind) as (target, worker),
        operator(worker, breaks=(ANSWERING,), keepalive=kind == "sync") as user,
    ):
        user.wait_for("note")
        with asked(target) as answer:
            user.wait_for_prompt()
            time.sleep(LIMIT + 2.5)
            assert user.ask("p environ['PATH_INFO']\n") == "'/'\n"
            user.debug.close()
            assert answer.result(30) == Response(200, str(worker))
        assert "WORKER TIMEOUT" not in target.stderr
