"""What is measured by default: the program, installed packages that are it, and applications that a server runs."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from coverage import CoverageData

from tests.support.command import attach, succeed
from tests.support.environments import PROGRAMMED, PROGRAMS, environment, server_environment
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import Target, http_get, running, wait_until

#: An application: each of the servers imports one of its modules, and all of them tick.
SHOP = """\
import threading
import time


def tick():
    time.sleep(0.01)


def ticking():
    while True:
        tick()


threading.Thread(target=ticking, daemon=True).start()
"""
MODULES = {
    "__init__.py": SHOP,
    "web.py": "from flask import Flask\napp = Flask(__name__)\n",
    "asgi.py": "async def app(scope, receive, send):\n    raise ValueError\n",
    "jobs.py": 'from celery import Celery\napp = Celery("jobs", broker="memory://")\n',
}


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def measured(pid: int, folder: Path) -> set[str]:
    """The files with lines in a snapshot."""
    succeed(pid, "snapshot", "--data", cwd=folder)
    data = CoverageData(str(folder / ".coverage"))
    data.read()
    return data.measured_files()


def answering(target: Target, port: int) -> None:
    """Wait until the server answers."""

    def answers() -> bool:
        try:
            http_get(port)
        except ConnectionRefusedError:
            return False
        return True

    wait_until(answers, "an answer")


RADICALE = ("--config", "", "--auth-type", "none", "--hosts", "127.0.0.1:{port}")
PYPISERVER = ("run", "-i", "127.0.0.1", "-p", "{port}", ".")


@on_interpreters(*PROGRAMMED)
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("radicale", ("bin/radicale", *RADICALE)),
        ("radicale", ("bin/python", "-m", "radicale", *RADICALE)),
        ("pypiserver", ("bin/pypi-server", *PYPISERVER)),
        ("pypiserver", ("bin/python", "-m", "pypiserver", *PYPISERVER)),
    ],
    ids=["radicale", "-m radicale", "pypi-server", "-m pypiserver"],
)
def test_an_installed_program(interpreter: Interpreter, name: str, command: Sequence[str], tmp_path: Path) -> None:
    """A server that is an installed package is measured, its libraries are not, and start-coverage says so."""
    port = free_port()
    home = environment(interpreter, PROGRAMS).parents[1]
    program, *arguments = (part.format(port=port) for part in command)
    if name == "radicale":
        arguments += ["--storage-filesystem-folder", str(tmp_path / "storage")]
    with running([home / program, *arguments], cwd=tmp_path) as target:
        answering(target, port)
        done = succeed(target.pid, "start-coverage")
        assert f"The program is an installed package, which is measured too: {name}\n" in done.stderr
        http_get(port)
        found = measured(target.pid, tmp_path)
        assert found and all(f"/site-packages/{name}/" in path for path in found), found
        assert f"measured too: {name}" in succeed(target.pid, "status").stdout


SERVERS: Mapping[str, tuple[str, Sequence[str], Mapping[str, str]]] = {
    "flask": ("Running on", ("-m", "flask", "--app", "shop.web", "run", "--port", "0"), {}),
    "FLASK_APP": ("Running on", ("-m", "flask", "run", "--port", "0"), {"FLASK_APP": "shop.web:app"}),
    "gunicorn": ("Booting worker", ("-m", "gunicorn", "-k", "gthread", "-b", "127.0.0.1:0", "shop.web:app"), {}),
    "gunicorn-module": ("Booting worker", ("-m", "gunicorn", "shop.web:app", "-b", "127.0.0.1:0", "-w", "1"), {}),
    "uvicorn": ("Uvicorn running", ("-m", "uvicorn", "--loop", "asyncio", "shop.asgi:app", "--port", "0"), {}),
    "celery": ("ready", ("-m", "celery", "-A", "shop.jobs", "worker", "--pool=solo", "-l", "info"), {}),
}


@on_interpreters("3.14")
@pytest.mark.parametrize("server", SERVERS)
def test_an_installed_application(interpreter: Interpreter, server: str, tmp_path: Path) -> None:
    """A server's own package is not the program: the application is that it was told to run, installed or not."""
    ready, command, env = SERVERS[server]
    installed = tmp_path / "lib" / "site-packages"
    (installed / "shop").mkdir(parents=True)
    for name, text in MODULES.items():
        (installed / "shop" / name).write_text(text)
    python = environment(interpreter, PROGRAMS) if server == "celery" else server_environment(interpreter)
    with running([python, *command], ready=ready, cwd=tmp_path, env={"PYTHONPATH": str(installed), **env}) as target:
        if server.startswith("gunicorn"):
            wait_until(target.children, "a worker")
        pid = (target.children() or [target.pid])[0]

        def started() -> bool:
            done = succeed(pid, "start-coverage")
            if "measured too: shop\n" in done.stderr:
                return True
            succeed(pid, "detach")  # a worker that has not loaded the application yet
            return False

        wait_until(started, "the application to be loaded")
        wait_until(lambda: "0 lines recorded" not in succeed(pid, "status").stdout, "a tick")
        assert measured(pid, tmp_path) == {str(installed / "shop" / "__init__.py")}
        succeed(pid, "detach")


LOOP = """\
import time
import work

print("ready", flush=True)
while True:
    work.work()
    time.sleep(0.01)
"""


@pytest.fixture
def looping(interpreter: Interpreter, tmp_path: Path) -> Path:
    """A project whose program calls a module of its own over and over."""
    (tmp_path / "main.py").write_text(LOOP)
    (tmp_path / "work.py").write_text("def work():\n    return 1\n")
    return tmp_path


@on_interpreters("3.11", "3.14")
def test_a_source_that_is_not_there(interpreter: Interpreter, looping: Path) -> None:
    """A typo in --source is told at the start, with what is close; and by an empty snapshot, with what did run."""
    with running([interpreter.path, looping / "main.py"], ready="^ready$", cwd=looping) as target:
        done = succeed(target.pid, "start-coverage", "--source", "wrok", cwd=looping)
        assert "No module wrok is loaded; close: work.\n" in done.stderr
        wait_until(lambda: "left_out" in succeed(target.pid, "status", "--json").stdout, "code that is left out")

        def explained() -> bool:
            done = attach(target.pid, "snapshot", cwd=looping)
            assert done.code == 1 and "[nothing-measured]" in done.stderr, str(done)
            return f"{looping} (" in done.stderr

        wait_until(explained, "the folder to be named")
        shown = attach(target.pid, "snapshot", cwd=looping).stderr.splitlines()[-1].split()
        succeed(target.pid, "stop-coverage", "--discard")
        assert shown[:3] == ["attach", str(target.pid), "start-coverage"]
        succeed(target.pid, *shown[2:])  # the option that it shows
        wait_until(lambda: attach(target.pid, "snapshot", cwd=looping).code == 0, "what it shows")
        empty = looping / "empty"
        empty.mkdir()
        succeed(target.pid, "stop-coverage", "--discard")
        done = succeed(target.pid, "start-coverage", "--source", "empty,work", cwd=looping)
        assert f"No module that is loaded lies in {empty}.\n" in done.stderr and "work is" not in done.stderr


MANY = """\
import os
import time

print("ready", flush=True)
while not os.path.exists("go"):
    time.sleep(0.01)
code = compile("x = 1", "", "exec")
for number in range(100_001):
    exec(code.replace(co_filename=f"/made/{number}.py"))
print("made", flush=True)
time.sleep(1000)
"""


@on_interpreters("3.14")
def test_too_many_files(interpreter: Interpreter, tmp_path: Path) -> None:
    """When a program has run code of more files than are recorded, the status and the snapshot say so."""
    (tmp_path / "main.py").write_text(MANY)
    with running([interpreter.path, "main.py"], ready="^ready$", cwd=tmp_path) as target:
        succeed(target.pid, "start-coverage")
        assert "100,000" not in succeed(target.pid, "status").stdout
        (tmp_path / "go").touch()
        target.wait_for("^made$")
        assert "100,000 file names were seen" in succeed(target.pid, "status").stdout
        done = succeed(target.pid, "snapshot", cwd=tmp_path)
        assert "100,000 file names, and what came later was not measured" in done.stderr
