"""An agent that nobody needs leaves by itself; here after half a second instead of a minute."""

import os
import re
import signal
import time

import pytest

from attach import Session
from attach.channel import payload, rendezvous
from attach.inject import inject
from attach.process import Process
from attach_agent import wire
from tests.inject.support import in_state
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import Target, wait_until

IDLE_SECONDS = 0.5
versions = on_interpreters("3.8", "3.12", "3.15")


def bring_agent(pid: int) -> None:
    """What `attach` does up to the rendezvous, but the number in the agent's source is another one."""
    process = Process(pid)
    source = payload.bootstrap(f"{wire.MEMFD_PREFIX}idle", process.start_time)
    hurried, changes = re.subn(r"^IDLE_SECONDS = 60\.0$", f"IDLE_SECONDS = {IDLE_SECONDS}", source, flags=re.MULTILINE)
    assert changes == 1
    inject(process, hurried, lambda: is_there(pid))


def is_there(pid: int) -> bool:
    return rendezvous.find(Process(pid)) is not None


def stays(pid: int) -> bool:
    """Whether it is there for three times as long as it would be if it were idle."""
    end = time.monotonic() + 3 * IDLE_SECONDS
    while time.monotonic() < end and is_there(pid):
        time.sleep(0.05)
    return is_there(pid)


@pytest.mark.parametrize("state", ["sleep", "busy"])
@versions
def test_an_agent_that_nobody_met_leaves(interpreter: Interpreter, state: str) -> None:
    """An agent whose operator was killed before it came to a channel leaves, and nothing of it stays."""
    with in_state(interpreter, state) as target:
        before = settled_picture(target.pid)
        bring_agent(target.pid)
        assert_untouched(before, target.pid, ignoring=("mapped_files",))
        assert not is_there(target.pid)


@versions
def test_an_agent_with_an_operator_stays(loop: Target) -> None:
    """As long as an operator is connected the agent is there; when the operator is killed it leaves."""
    before = settled_picture(loop.pid)
    bring_agent(loop.pid)
    reading, writing = os.pipe()
    operator = os.fork()
    if operator == 0:
        try:
            Session.join(loop.pid).status()
            os.write(writing, b"connected")
            signal.pause()
        finally:
            os._exit(1)
    try:
        os.close(writing)
        assert os.read(reading, 9) == b"connected"
        assert stays(loop.pid)
    finally:
        os.close(reading)
        os.kill(operator, signal.SIGKILL)
        os.waitpid(operator, 0)
    assert_untouched(before, loop.pid, ignoring=("mapped_files",))


@versions
def test_an_agent_that_measures_stays(loop: Target) -> None:
    """What was recorded is kept however long nobody asks for it; when it is forgotten the agent leaves."""
    before = settled_picture(loop.pid)
    bring_agent(loop.pid)
    with Session.join(loop.pid) as session:
        session.coverage.start()
    assert stays(loop.pid)
    with Session.join(loop.pid) as session:
        wait_until(lambda: session.coverage.snapshot().lines, "lines")
        session.coverage.stop(discard=True)
    assert_untouched(before, loop.pid, ignoring=("mapped_files",))
