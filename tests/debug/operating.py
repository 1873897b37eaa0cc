"""An operator of the debugger, by the library: what a terminal would show, line by line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attach
from attach.debugging import Debug, Options

PATIENCE = 30.0


class Operator:
    """Types commands, and has what came before the next prompt."""

    def __init__(self, session: attach.Session, debug: Debug) -> None:
        self.session = session
        self.debug = debug
        #: every event so far
        self.events: list[tuple[Any, ...]] = []
        self.prompt = ""
        self._read = 0

    def until(self, *kinds: str) -> tuple[Any, ...]:
        """The next event of one of these kinds."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while self._read < len(self.events):
                event = self.events[self._read]
                self._read += 1
                if event[0] in kinds:
                    return event
                if event[0] == "closed":
                    raise AssertionError(f"the session is over, before {kinds}: {self.events}")
            assert time.monotonic() < deadline, f"no {kinds} in {self.events}"
            self.events += self.debug.events(0.2)

    def wait_for_prompt(self) -> str:
        """What is shown before it."""
        first = self._read
        self.prompt = self.until("prompt")[1]
        return "".join(event[1] for event in self.events[first : self._read] if event[0] in ("out", "err"))

    def does(self, line: str) -> str:
        """What is shown between this command and the next prompt."""
        self.debug.feed(line)
        return self.wait_for_prompt()

    def leaves(self, line: str = "quit") -> tuple[Any, ...]:
        """The end of the session: ("closed", reason, seconds)."""
        self.debug.feed(line)
        return self.until("closed")

    def told(self, kind: str) -> list[tuple[Any, ...]]:
        """The events of a kind so far."""
        return [event for event in self.events if event[0] == kind]


@contextmanager
def debugging(pid: int, **options: Any) -> Iterator[Operator]:
    """A session with the process, which is detached from afterwards."""
    with attach.Session.attach(pid) as session:
        with session.debugging.open(Options(**options)) as debug:
            yield Operator(session, debug)
        deadline = time.monotonic() + PATIENCE
        while session.debugging.status():
            assert time.monotonic() < deadline, session.debugging.status()
            time.sleep(0.01)
        session.detach()
