"""What is checked after each scenario of the debugger holds for servers that nobody debugs, and shows each harm."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support import debugged
from tests.support.command import succeed
from tests.support.debugged import Debugged
from tests.support.environments import server_environment
from tests.support.interpreters import Interpreter, on_interpreters, require_interpreter
from tests.support.vitals import assert_unharmed, before

SERVERS = ("threaded", "asyncio", "gevent", "sync", "gthread", "uvicorn", "solo", "threads", "prefork", "pytest")


def start(name: str, python: Path, folder: Path) -> AbstractContextManager[Debugged]:
    """The server `name`."""
    match name:
        case "sync" | "gthread":
            return debugged.gunicorn(python, name)
        case "solo" | "threads" | "prefork":
            return debugged.celery(python, name, folder)
        case "pytest":
            return debugged.hanging_pytest(python, folder)
    server: AbstractContextManager[Debugged] = getattr(debugged, name)(python)
    return server


@on_interpreters("3.15")
@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_nobody_debugs(interpreter: Interpreter, name: str, tmp_path: Path) -> None:
    """It is unharmed: it differs in nothing that is compared, and pauses nowhere."""
    with start(name, server_environment(interpreter), tmp_path) as server:
        known = before(server.vitals)
        assert_unharmed(known)
        if name != "pytest":
            server.assert_serving()


# the heartbeat's work is what runs in its thread
TRACING = "import vitals, sys; vitals._plain.__code__ = (lambda n: sys.settrace(print)).__code__"
HARMS = {
    "gap": ("import ctypes; ctypes.PyDLL(None).sleep(3)", "a heartbeat paused"),
    "file": ("import tempfile; tempfile.mkstemp()", "file: + "),
    "stream": ("import sys; sys.__stderr__ = sys.stderr; sys.stderr = sys.stdout", "identities"),
    "hook": ("import sys; sys.displayhook = print", "hooks"),
    "frame": ("import sys\nfor frame in sys._current_frames().values(): frame.f_trace = print", "frames_traced"),
    "tool": ("import sys; sys.monitoring.use_tool_id(4, 'live-attach')", "monitoring"),
    "thread": ("import _thread, time; _thread.start_new_thread(time.sleep, (60,))", "threads"),
    "descriptor": ("import os; os.dup(0)", "descriptors"),
    "tracer": (TRACING, "tracers: "),
    "module": ("import sys; sys.modules['rpyc'] = type(sys)('rpyc')", "modules: + rpyc"),
}


@pytest.fixture
def server() -> Iterator[Debugged]:
    """The threaded server on a version with sys.monitoring."""
    with debugged.threaded(require_interpreter("3.12").path) as running:
        yield running


@pytest.mark.parametrize(("code", "shows"), HARMS.values(), ids=HARMS.keys())
def test_a_harm_shows(server: Debugged, code: str, shows: str) -> None:
    """Each kind of harm fails the check, and is named."""
    succeed(server.pid, "exec", "-c", "import ctypes, tempfile")
    succeed(server.pid, "detach")
    known = before(server.vitals)
    succeed(server.pid, "exec", "-c", code)
    succeed(server.pid, "detach")
    with pytest.raises(AssertionError) as failure:
        assert_unharmed(known, timeout=0.5)
    assert shows in str(failure.value)
