"""A start-coverage that is interrupted leaves nothing on."""

import json
import signal
from pathlib import Path

from attach import Session
from tests.support.command import started, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import running, wait_until

#: A program in which the start of measuring takes until the file argv[1] is there.
PROGRAM = """
import os, sys, time
original = sys.monitoring.restart_events
def slow():
    print("starting", flush=True)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    original()
sys.monitoring.restart_events = slow
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""


WAITING = "import time; print('ready', flush=True); time.sleep(60)"


@on_interpreters("3.12")
def test_interrupted_start(interpreter: Interpreter, tmp_path: Path) -> None:
    """Ctrl-C while the process begins to be measured: that is undone when it has begun, and the agent goes."""
    flag = tmp_path / "flag"
    with running([interpreter.path, "-c", PROGRAM, flag], ready="^ready$") as target:
        with started(target.pid, "start-coverage") as operator:
            target.wait_for("^starting$")
            operator.send_signal(signal.SIGINT)
            # it asks for the undoing over a connection of its own
            wait_until(lambda: status(target.pid)["operators"] > 1, "the operator to take it back")
            flag.touch()
            _, stderr = operator.communicate(timeout=60)
        assert operator.returncode == 130, stderr
        wait_until(lambda: not status(target.pid)["attached"], "the agent to leave")


def status(pid: int) -> dict[str, int]:
    """What ``attach status`` says; without an agent there are no operators."""
    found: dict[str, int] = {"operators": 0, **json.loads(succeed(pid, "status", "--json").stdout)}
    return found


@on_interpreters("3.12")
def test_another_operators_measurement(interpreter: Interpreter) -> None:
    """Who only labels what somebody else measures takes back nothing of the measurement."""
    with (
        running([interpreter.path, "-c", WAITING], ready="^ready$") as target,
        Session.attach(target.pid) as one,
        Session.attach(target.pid) as other,
    ):
        one.coverage.start()
        other.coverage.start(context="night")
        other.coverage.undo()
        assert dict(one.status()["coverage"])["measuring"]
        one.coverage.undo()
        assert not dict(one.status()["coverage"])["measuring"]
