"""A program in which something goes wrong while it is debugged: tests/targets/faulty.py, and its operators."""

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attach import attach
from attach.debugging import Break, Debug, Options
from attach.errors import AttachError
from attach.session import Session
from tests.support.command import ATTACH, environment
from tests.support.marks import TARGETS
from tests.support.picture import Picture, assert_untouched, settled_picture
from tests.support.processes import NotReady, Target, running, wait_until

FAULTY = TARGETS / "faulty.py"


def line(mark: str) -> int:
    """The number of the line of faulty.py that ends in ``# here: MARK``."""
    lines = FAULTY.read_text().splitlines()
    (number,) = (number for number, text in enumerate(lines, start=1) if text.endswith(f"# here: {mark}"))
    return number


WORK = Break(str(FAULTY), line("work"))
TICK = Break(str(FAULTY), line("tick"))
FORK = Break(str(FAULTY), line("fork"))
NEVER = Break(str(FAULTY), line("never"))


@dataclass(frozen=True)
class Faulty:
    """The program, and how it was before anybody attached."""

    target: Target
    before: Picture
    looks: dict[str, Any]

    @property
    def pid(self) -> int:
        return self.target.pid

    def ask(self, name: str, *arguments: object) -> Any:
        """What the function of this name gives, in a thread of its own."""
        return ask(self.target.port, name, *arguments)

    def tell(self, name: str, *arguments: object) -> None:
        """Call a function that never gives an answer."""
        with contextlib.suppress(OSError, ValueError):
            self.ask(name, *arguments)

    @contextmanager
    def asking(self, name: str, take: Callable[[Any], object]) -> Iterator[None]:
        """`ask` meanwhile; the block ends when there is the answer, which `take` has."""
        asker = threading.Thread(target=lambda: take(self.ask(name)), daemon=True)
        asker.start()
        yield
        asker.join(30)

    def assert_goes_on(self, *counts: str) -> None:
        """What is counted goes on, and nothing came out of a line of the program."""
        first = self.ask("counts")
        assert first["raised"] == []
        names = counts or ("works", "ticks", "beats")
        wait_until(lambda: all(self.ask("counts")[name] > first[name] + 3 for name in names), f"{names} to go on")

    def is_stopped(self, name: str) -> bool:
        """Whether a count has not grown for a moment."""
        first = self.ask("counts")
        time.sleep(0.1)
        second = self.ask("counts")
        assert second["beats"] > first["beats"]
        return bool(first[name] == second[name])

    def assert_as_before(self) -> None:
        """It goes on, inside nothing of ours is left, and when the agent has left, outside neither."""
        self.assert_goes_on()
        try:
            wait_until(lambda: self.ask("looks") == self.looks, "the inside to look as before", 10)
        except NotReady:
            assert self.ask("looks") == self.looks
            raise
        with contextlib.suppress(AttachError), Session.join(self.pid) as session:
            session.detach()
        assert_untouched(self.before, self.pid, ignoring=("mapped_files", "descriptors"))


def ask(port: int, name: str, *arguments: object) -> Any:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection, connection.makefile("rw") as stream:
        stream.write(json.dumps([name, arguments]) + "\n")
        stream.flush()
        return json.loads(stream.readline() or "null")


@contextmanager
def faulty(python: Path, *arguments: str) -> Iterator[Faulty]:
    """faulty.py, from when all its threads run."""
    with running([python, FAULTY, *arguments], ready=r"^port (?P<port>\d+)$") as target:
        wait_until(lambda: min(ask(target.port, "counts")[name] for name in ("works", "ticks", "beats")), "all to run")
        ask(target.port, "traced")
        yield Faulty(target, settled_picture(target.pid), ask(target.port, "looks"))


class Operator:
    """A session of the library, whose events are collected by a thread."""

    def __init__(self, session: Session, debug: Debug) -> None:
        self.session = session
        self.debug = debug
        self.events: list[tuple[Any, ...]] = []
        self.failure: BaseException | None = None
        self._seen = 0
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        try:
            while not self.events or self.events[-1][0] != "closed":
                self.events += self.debug.events(1.0)
        except BaseException as error:
            self.failure = error

    def wait_for(self, kind: str, where: Callable[[tuple[Any, ...]], bool] = lambda _: True) -> tuple[Any, ...]:
        """The next event of this kind."""

        def search() -> tuple[Any, ...] | None:
            for at in range(self._seen, len(self.events)):
                if kind in (self.events[at][0], "") and where(self.events[at]):
                    self._seen = at + 1
                    return self.events[at]
            if self.failure is not None:
                raise self.failure
            return None

        try:
            return wait_until(search, f"the event {kind!r}")
        except AssertionError as error:
            error.add_note(f"events: {self.events}")
            raise

    def wait_for_prompt(self) -> None:
        self.wait_for("prompt")

    def wait_for_any(self, *kinds: str) -> str:
        """The kind of the next event of one of these."""
        return str(self.wait_for("", lambda event: event[0] in kinds)[0])

    def ask(self, text: str) -> str:
        """Feed a line; what is printed until the next prompt."""
        first = len(self.events)
        self.debug.feed(text)
        self.wait_for("prompt")
        return "".join(event[1] for event in self.events[first : self._seen] if event[0] in ("out", "err"))

    def notes(self) -> str:
        return "\n".join(event[1] for event in self.events if event[0] == "note")


@contextmanager
def operator(pid: int, **options: Any) -> Iterator[Operator]:
    """One that has opened a session; it leaves at the end of the block, if it has not before."""
    with attach(pid) as session, opened(session, **options) as user:
        yield user


@contextmanager
def opened(session: Session, **options: Any) -> Iterator[Operator]:
    """The same, for one that is attached already."""
    with session.debugging.open(Options(**options)) as debug:
        yield Operator(session, debug)


def race_interrupts(python: Path, rounds: int) -> None:
    """Ten interrupts for each `continue`: none may come out in the program."""
    with faulty(python) as program, operator(program.pid, breaks=(WORK,), stop_timeout=0, idle_timeout=0) as user:
        user.wait_for_prompt()
        for _ in range(rounds):
            user.debug.feed("continue\n")
            for _ in range(10):
                assert user.debug.interrupt() in ("", "idle")
            user.wait_for_prompt()
        assert program.ask("counts")["raised"] == []
        user.debug.close()
        user.wait_for("closed")
        program.assert_as_before()


class Commander:
    """The real command, which is fed through a pipe, and whose output waits in another one."""

    def __init__(self, pid: int, process: "subprocess.Popen[bytes]") -> None:
        self._pid = pid
        self.process = process

    def wait_until(self, state: str) -> None:
        """Until the session is "waiting", "stopped" or "running"."""

        def is_there() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            with contextlib.suppress(AttachError), Session.join(self._pid) as session:
                return session.debugging.status().get("state") == state
            return False

        wait_until(is_there, f"a session that is {state}")

    def feed(self, text: str) -> None:
        """Without waiting for what comes of it."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """(exit code, all that it has printed) when it ends."""
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output.decode() + errors.decode()


@contextmanager
def commander(pid: int, *arguments: str) -> Iterator[Commander]:
    """``attach PID debug ARGUMENTS``"""
    process = subprocess.Popen(
        [*ATTACH, str(pid), "debug", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        yield Commander(pid, process)
    finally:
        process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.communicate()


def at(place: Break) -> str:
    """``--break``'s value."""
    return f"{place.filename}:{place.line}"
