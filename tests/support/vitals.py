"""That a program was not harmed: its threads ran on, and it is as it was before (tests/targets/debugged/vitals.py)."""

import contextlib
import json
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.picture import Picture, differences, picture, settled_picture
from tests.support.processes import NotReady, wait_until

#: Seconds that no thread waits on a busy machine; a thread that a stop at a prompt held up waits for longer:
#: `still_beating` stays at the prompt for that.
LARGEST_GAP = 2.0
BEATS = 10  # each heartbeat, at the prompt

TEMPORARY = Path("/tmp")


@dataclass(frozen=True)
class Vitals:
    """A program that tells of itself on `port`; `serves` insists that it does its work; `scratch` is its TMPDIR."""

    pid: int
    port: int
    scratch: Path
    serves: Callable[[], None]

    def ask(self, question: str) -> Any:
        """``beats``, ``calm`` (the largest gaps are 0 again), ``forget`` (the tracers) or ``look``."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(question.encode())
            with connection.makefile() as answer:
                return json.loads(answer.read())

    def assert_beating(self) -> None:
        """Every heartbeat goes on while this waits for it."""
        first = self.ask("beats")
        assert len(first) == 3, first

        def all_beaten() -> bool:
            now = self.ask("beats")
            return all(now[name][0] >= first[name][0] + BEATS for name in first)

        wait_until(all_beaten, "each heartbeat to go on", timeout=10)


@dataclass(frozen=True)
class Before:
    """How a program was before anybody came."""

    vitals: Vitals
    outside: Picture
    inside: dict[str, Any]
    gap: float
    temporary: frozenset[str]


def before(vitals: Vitals) -> Before:
    """How it is now, at rest but for what it does by itself."""
    vitals.serves()
    vitals.ask("calm")
    outside = settled_picture(vitals.pid)
    inside = _inside(vitals)
    gap = max(gap for _, gap in vitals.ask("beats").values())
    return Before(vitals, outside, inside, gap, _temporary(vitals))


def assert_unharmed(known: Before, ignoring: Collection[str] = (), timeout: float = 10) -> None:
    """After each scenario: it serves, no thread ever paused, and nothing of ours is left in it or in its files.

    What goes by itself may take `timeout` seconds. `ignoring` names fields of a Picture, and of interior.look().
    """
    vitals = known.vitals
    vitals.serves()
    vitals.assert_beating()
    gaps = {name: gap for name, (_, gap) in vitals.ask("beats").items()}
    assert max(gaps.values()) < max(LARGEST_GAP, 20 * known.gap), f"a heartbeat paused: {gaps}, before {known.gap}"
    left: list[str] = []

    def as_before() -> bool:
        left[:] = differences(known.outside, picture(vitals.pid), {"mapped_files", *ignoring})
        left.extend(_inner_differences(known.inside, _inside(vitals), ignoring))
        left.extend(f"file: + {name}" for name in _temporary(vitals) - known.temporary)
        return not left

    try:
        wait_until(as_before, "the program to look as before", timeout, poll=0.1)
    except NotReady:
        raise AssertionError("\n".join([f"process {vitals.pid} is not as it was:", *left])) from None


@contextmanager
def unharmed(vitals: Vitals, ignoring: Collection[str] = ()) -> Iterator[None]:
    """The scenario is the block; if it succeeds, the program must not have been harmed."""
    known = before(vitals)
    yield
    assert_unharmed(known, ignoring)


def _inside(vitals: Vitals) -> dict[str, Any]:
    """What it tells, and what traces the threads that have done something since this call began."""
    vitals.ask("forget")
    vitals.serves()
    vitals.assert_beating()
    told = vitals.ask("look")
    return {**told.pop("interior"), **told}


def _inner_differences(old: dict[str, Any], new: dict[str, Any], ignoring: Collection[str]) -> list[str]:
    found = []
    for name in sorted(set(old) - set(ignoring)):
        if name == "modules":  # what a debugger needs of the standard library may stay; "strange" has the others
            continue
        if name == "strange":  # the program's own may come
            came = [module for module in new[name] if module not in old[name] and not module.startswith("shop_")]
            found += [f"modules: + {module}" for module in came]
        elif name == "set_trace" and old[name] is None:  # pdb was not there
            found += [f"{name}: {new[name]}"] if new[name] not in (None, "pdb.set_trace") else []
        elif old[name] != new[name]:
            found.append(f"{name}: {old[name]} -> {new[name]}")
    return found


def _temporary(vitals: Vitals) -> frozenset[str]:
    """Files of ours: all in its TMPDIR, and those in /tmp that have our name."""
    found = {str(file) for file in TEMPORARY.glob(".live-attach-*")}
    with contextlib.suppress(FileNotFoundError):
        found |= {str(file) for file in vitals.scratch.rglob("*")}
    return frozenset(found)
