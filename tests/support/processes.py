"""Real programs to attach to: started in a session of their own, watched, and always ended by PID."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple, TypeVar

DEADLINE = 30.0  # seconds: far more than anything waited for here needs on a busy machine
POLL = 0.01  # seconds
GRACE = 3.0  # seconds that a program gets to end on SIGTERM

T = TypeVar("T")

living: "list[Target]" = []  # what runs now: a failed test shows their output (tests/conftest.py)


class NotReady(AssertionError):
    """What was waited for did not happen, or the program ended before."""


def wait_until(condition: Callable[[], T | None], what: str, timeout: float = DEADLINE, poll: float = POLL) -> T:
    """The first true value that `condition`, asked every `poll` seconds, gives; NotReady after `timeout`."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise NotReady(f"waited {timeout:g} s for {what}")
        time.sleep(poll)


class Response(NamedTuple):
    """A server's answer."""

    status: int
    text: str


def http_get(port: int, path: str = "/", timeout: float = DEADLINE) -> Response:
    """GET `path` from 127.0.0.1:`port` on a connection of its own; returns when the server closes it."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    with contextlib.closing(connection):
        connection.connect()
        # a second name of the socket: http.client closes its own at the last byte of the answer
        with connection.sock.dup() as wire:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            response = Response(answer.status, answer.read().decode())
            while wire.recv(4096):
                pass
            return response


class Target:
    """A program that runs. `pid` stays valid until it is stopped: it is not reaped before."""

    def __init__(self, command: Sequence[str], process: subprocess.Popen[bytes], folder: Path) -> None:
        self.command = list(command)
        self.pid = process.pid
        self.port = 0  # the port it listens on, once a `ready` pattern with a group `port` has matched
        self.scratch = folder / "scratch"  # its folder for temporary files
        self._process = process
        self._folder = folder

    @property
    def stdout(self) -> str:
        """All it has written to its standard output so far."""
        return (self._folder / "stdout").read_text(errors="replace")

    @property
    def stderr(self) -> str:
        """All it has written to its standard error so far."""
        return (self._folder / "stderr").read_text(errors="replace")

    def is_running(self) -> bool:
        """Whether it has not ended. It stays a zombie, so that its PID cannot become another process's."""
        if self._process.returncode is not None:
            return False
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def wait_for(self, pattern: str, timeout: float = DEADLINE) -> re.Match[str]:
        """The first match of `pattern` (MULTILINE) in its output; NotReady if it ends without."""

        def search() -> re.Match[str] | None:
            running = self.is_running()  # asked first, so that last words are not missed
            found = re.search(pattern, f"{self.stdout}\n{self.stderr}", re.MULTILINE)
            if not found and not running:
                raise NotReady(f"the program ended before it wrote {pattern!r}")
            return found

        return wait_until(search, f"{pattern!r} in the program's output", timeout)

    def wait_for_end(self, timeout: float = DEADLINE) -> int:
        """Its exit status, -N for signal N. Its PID is not to be used after that."""
        wait_until(lambda: not self.is_running(), f"the end of {self.pid}", timeout)
        return self._reap()

    def children(self) -> list[int]:
        """PIDs of its living children, such as a web server's workers, in ascending order."""
        tasks = Path(f"/proc/{self.pid}/task")
        found: list[int] = []
        for task in tasks.iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += map(int, (task / "children").read_text().split())
        return sorted(found)

    def stop(self) -> None:
        """End it and all of its process group: SIGTERM first, so that a server ends its workers itself."""
        if self._process.returncode is None:
            os.kill(self.pid, signal.SIGTERM)
            os.kill(self.pid, signal.SIGCONT)
            with contextlib.suppress(NotReady):
                wait_until(lambda: not self.is_running(), "its end", GRACE)
            self._reap()

    def _reap(self) -> int:
        # While the leader is not reaped its PID, which is also the group's, cannot belong to anybody else.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()

    def report(self) -> str:
        """Command, state and output, for the message of a test that failed."""
        parts = [f"$ {' '.join(self.command)}   [pid {self.pid}]"]
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            if text:
                parts.append(f"--- its {name}, the last 4000 characters\n{text[-4000:].rstrip()}")
        # a command line may hold bytes that are no text, which pytest-xdist cannot carry
        return "\n".join(parts).encode("utf-8", "backslashreplace").decode()


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    ready: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = DEADLINE,
) -> Iterator[Target]:
    """Run `command` for as long as the block lasts, from when it has written the pattern `ready`.

    A group named `port` in `ready` becomes `Target.port`. `env` is added to the environment. An exception
    out of the block gets the program's output as a note.
    """
    arguments = [str(argument) for argument in command]
    with tempfile.TemporaryDirectory(prefix="live-attach-test-") as name:
        folder = Path(name)
        (folder / "scratch").mkdir()
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd,
                env={**clean_environment(folder / "scratch"), **(env or {})},
                start_new_session=True,
            )
        target = Target(arguments, process, folder)
        living.append(target)
        try:
            if ready is not None:
                found = target.wait_for(ready, timeout)
                target.port = int(found.groupdict().get("port") or 0)
            yield target
        except BaseException as error:
            error.add_note(target.report())
            raise
        finally:
            living.remove(target)
            target.stop()


def clean_environment(scratch: Path) -> dict[str, str]:
    """The environment without what changes how Python starts; unbuffered, temporary files in `scratch`."""
    changing = ("PYTHON", "COVERAGE", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(changing)}
    own = {"TMPDIR": str(scratch), "XDG_RUNTIME_DIR": str(scratch)}
    return {**kept, **own, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
