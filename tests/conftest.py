"""Fixtures: interpreters, and real programs that run on them.

A test that takes `interpreter` runs once on every CPython of tests/support/interpreters.py; the marks
`on_interpreters`, `from_version` and `before_version` of that module narrow it. Each server fixture starts
its program anew for the test.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.support import servers
from tests.support.environments import server_environment
from tests.support.interpreters import MINORS, Interpreter, require_interpreter
from tests.support.processes import Target, living


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show, below a failed test, the output of the programs that it runs."""
    report = yield
    if report.failed and call.when == "call":
        report.sections += [(f"target {target.pid}", target.report()) for target in living]
    return report


@pytest.fixture(scope="session", params=MINORS)
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    """A real CPython, one version after the other."""
    return require_interpreter(request.param)


@pytest.fixture(scope="session")
def server_python(interpreter: Interpreter) -> Path:
    """The python of an environment of `interpreter` that has Flask, gunicorn and uvicorn."""
    return server_environment(interpreter)


@pytest.fixture
def loop(interpreter: Interpreter) -> Iterator[Target]:
    """A `while True` in three threads; drive it with servers.drive_loop."""
    with servers.loop(interpreter.path) as target:
        yield target


@pytest.fixture
def http_server(interpreter: Interpreter) -> Iterator[Target]:
    """`python -m http.server`."""
    with servers.http_server(interpreter.path) as target:
        yield target


@pytest.fixture
def flask_server(server_python: Path) -> Iterator[Target]:
    """gunicorn with one worker of two threads, and a Flask application; drive it with servers.drive_flask."""
    with servers.flask(server_python) as target:
        yield target


@pytest.fixture
def asgi_server(server_python: Path) -> Iterator[Target]:
    """uvicorn and an ASGI application; drive it with servers.drive_asgi."""
    with servers.uvicorn(server_python) as target:
        yield target
