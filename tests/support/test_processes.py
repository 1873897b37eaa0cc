"""Programs that tests start are watched, and do not outlive the test."""

import os
import sys

import pytest

from tests.support.processes import NotReady, running, wait_until

FORKS_AND_IGNORES_TERM = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pid = os.fork()
if pid:
    print("child", pid, flush=True)
while True:
    time.sleep(1)
"""


def ended(pid: int) -> bool:
    """Whether `pid` is no process, or one that only waits for its parent's attention."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_program_and_its_children_end_with_the_block() -> None:
    """Even if they ignore SIGTERM, and the test fails."""
    with (
        pytest.raises(ZeroDivisionError) as failure,
        running([sys.executable, "-c", FORKS_AND_IGNORES_TERM]) as target,
    ):
        child = int(target.wait_for(r"^child (\d+)$").group(1))
        assert target.children() == [child]
        raise ZeroDivisionError
    wait_until(lambda: ended(child), "the end of the child")
    assert ended(target.pid)
    assert f"child {child}" in "".join(failure.value.__notes__)


def test_a_program_that_ends_early_shows_why() -> None:
    """A program that never gets ready is an error with all that it said."""
    with (
        pytest.raises(NotReady, match="ended before it wrote 'ready'") as failure,
        running([sys.executable, "-c", "import no_such_module"], ready="ready"),
    ):
        pass
    assert "No module named 'no_such_module'" in "".join(failure.value.__notes__)


def test_a_program_sees_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes the Python of the tests does not change that of the targets."""
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    show = "import os; print(os.environ.get('PYTHONPATH'), os.getsid(0) == os.getpid(), os.read(0, 1), 'done')"
    with running([sys.executable, "-c", show], ready="done$") as target:
        assert target.stdout == "None True b'' done\n"
        assert target.wait_for_end() == 0
    assert os.environ["PYTHONPATH"] == "/nowhere"
