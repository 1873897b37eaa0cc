"""Real servers, each on a spread of versions: a request is stopped, looked at, changed; the server is unharmed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.debug.scenarios import (
    assert_at,
    kept,
    leave,
    scenario,
    wait_for_stop,
    wait_until_armed,
    wait_until_detached,
)
from tests.support import debugged
from tests.support.debugged import PROGRAMS, Debugged, at
from tests.support.environments import server_environment
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import Response

ASYNCIO = PROGRAMS / "asyncio_server.py"
ASGI = PROGRAMS / "asgi_app.py"


@pytest.fixture
def asyncio_server(interpreter: Interpreter) -> Debugged:
    """asyncio streams."""
    return kept("asyncio", interpreter, lambda: debugged.asyncio(interpreter.path))


def change_a_price(server: Debugged, *options: object) -> None:
    """Stop a request, look at it, step into a function, change the price, and see it in the answer."""
    with scenario(server, "--break", at("call"), *options) as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "call")
            server.vitals.assert_beating()
            assert operator.ask("p amount") == "70"
            operator.ask("step")
            assert_at(operator.ask("next"), "first of discount")
            assert_at(operator.ask("up"), "call")
            operator.ask("down")
            operator.ask("return")
            assert_at(operator.ask("next"), "total")
            operator.ask("less = 20")
            operator.send("continue")
            assert answer.result(30) == Response(200, "50")
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "call")
            operator.send("quit")
            assert answer.result(30) == Response(200, "63")
        wait_until_detached(operator)


def test_asyncio(asyncio_server: Debugged) -> None:
    """A handler on an event loop: the loop waits, the threads run on."""
    change_a_price(asyncio_server)


@on_interpreters("3.8", "3.12", "3.15")
def test_a_coroutine(asyncio_server: Debugged) -> None:
    """A stop inside a coroutine; `next` goes over an await to the next line of the same coroutine."""
    with scenario(asyncio_server, "--break", at("first of coroutine", ASYNCIO)) as operator:
        wait_until_armed(operator)
        with asyncio_server.asked("/slowly/10") as answer:
            wait_for_stop(operator, "first of coroutine", ASYNCIO)
            assert_at(operator.ask("next"), "await", ASYNCIO)
            assert operator.ask("p amount") == "70"
            operator.ask("amount = 100")
            operator.send("q")
            assert answer.result(30) == Response(200, "90")
        wait_until_detached(operator)


@on_interpreters("3.8", "3.12", "3.15")
def test_a_coroutine_of_its_own_thread(asyncio_server: Debugged) -> None:
    """Without a trigger the loop's thread stops at its next line, is left, and serves."""
    with scenario(asyncio_server) as operator:
        operator.wait_for_prompt()
        asyncio_server.vitals.assert_beating()
        assert "asyncio_server.py" in operator.ask("where")
        operator.end_of_input()
        wait_until_detached(operator)


@on_interpreters("3.8", "3.12", "3.15")
def test_gevent(interpreter: Interpreter) -> None:
    """A greenlet: its thread waits, with all greenlets of it; the others run on."""
    with debugged.gevent(server_environment(interpreter)) as server:
        change_a_price(server)


@on_interpreters("3.9", "3.14")
def test_gunicorn_sync(interpreter: Interpreter) -> None:
    """With --keepalive its arbiter does not kill a worker that is stopped for longer than its timeout."""
    with debugged.gunicorn(server_environment(interpreter), "sync", "--timeout", "2") as server:
        with scenario(server, "--break", at("call"), "--keepalive") as operator:
            wait_until_armed(operator)
            with server.asked("/price/10") as answer:
                wait_for_stop(operator, "call")
                operator.ask("import time; time.sleep(3)")
                operator.ask("amount = 100")
                operator.send("q")
                assert answer.result(30) == Response(200, "90")
            wait_until_detached(operator)
        assert server.target.children() == [server.pid]


@on_interpreters("3.8", "3.12")
def test_a_gunicorn_that_would_kill(interpreter: Interpreter) -> None:
    """Without --keepalive a sync worker is let go before its arbiter would kill it, and it is said why."""
    with debugged.gunicorn(server_environment(interpreter), "sync", "--timeout", "3") as server:
        with scenario(server, "--break", at("call")) as operator:
            wait_until_armed(operator)
            with server.asked("/price/10") as answer:
                wait_for_stop(operator, "call")
                assert answer.result(30) == Response(200, "63")
            leave(operator)
            assert "gunicorn" in operator.shown
        assert server.target.children() == [server.pid]


@on_interpreters("3.8", "3.11", "3.13")
def test_gunicorn_gthread(interpreter: Interpreter) -> None:
    """One thread of two waits, the other serves."""
    with (
        debugged.gunicorn(server_environment(interpreter), "gthread") as server,
        scenario(server, "--break", at("amount")) as operator,
    ):
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            server.assert_serving()
            operator.ask("unit = 1")
            operator.send("q")
            assert answer.result(30) == Response(200, "9")
        wait_until_detached(operator)


@on_interpreters("3.10", "3.14")
def test_uvicorn(interpreter: Interpreter) -> None:
    """An ASGI application's coroutine."""
    with debugged.uvicorn(server_environment(interpreter)) as server:
        change_a_price(server)
        with scenario(server, "--function", "asgi_app:price_slowly") as operator:
            wait_until_armed(operator)
            with server.asked("/slowly/10") as answer:
                wait_for_stop(operator, "first of coroutine", ASGI)
                operator.send("q")
                assert answer.result(30) == Response(200, "63")
            wait_until_detached(operator)


@pytest.mark.parametrize(
    ("interpreter", "pool"),
    [("3.9", "threads"), ("3.11", "solo"), ("3.12", "prefork"), ("3.15", "solo")],
    indirect=["interpreter"],
)
def test_celery(interpreter: Interpreter, pool: str, tmp_path: Path) -> None:
    """A task waits; what it prints goes to the operator though celery redirects stdout to its log."""
    with debugged.celery(server_environment(interpreter), pool, tmp_path) as server:
        change_a_price(server)
        with scenario(server, "--break", at("announce")) as operator:
            wait_until_armed(operator)
            with server.asked("/announce/31") as answer:
                wait_for_stop(operator, "announce")
                assert operator.ask("print('for the operator')") == "for the operator"
                assert "announced 31" in operator.ask("next")
                operator.send("q")
                assert answer.result(30) == Response(200, "31")
            wait_until_detached(operator)
        assert "for the operator" not in server.target.stdout + server.target.stderr


SAID = ("said before it hangs", "warned before it hangs", "logged before it hangs")


@contextmanager
def hanging(interpreter: Interpreter, folder: Path, *options: str) -> Iterator[Debugged]:
    """A pytest run that hangs, and that ends as it would have if nobody had come."""
    with debugged.hanging_pytest(server_environment(interpreter), folder, *options) as server:
        yield server
        (folder / "go").touch()
        assert server.target.wait_for_end() == 1
        written = server.target.stdout + server.target.stderr
        assert "1 failed, 1 passed" in written
        for said in (*SAID, "said after it hung"):
            assert said in written
        assert "for the operator" not in written


@pytest.mark.parametrize(
    ("interpreter", "capture"),
    [("3.8", "fd"), ("3.11", "sys"), ("3.12", "fd"), ("3.15", "no")],
    indirect=["interpreter"],
)
def test_pytest(interpreter: Interpreter, capture: str, tmp_path: Path) -> None:
    """What a hanging test has printed and logged is shown first, then pdb; the run's report lacks nothing."""
    with hanging(interpreter, tmp_path, f"--capture={capture}", "-rP") as server, scenario(server) as operator:
        operator.wait_for_prompt()
        if capture != "no":
            for said in SAID:
                assert said in operator.shown
        assert operator.ask("print('for the operator')") == "for the operator"
        operator.send("q")
        wait_until_detached(operator)
