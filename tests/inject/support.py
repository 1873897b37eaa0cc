"""Injecting a small source into real programs, and seeing that it arrived and that nothing stayed."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attach.inject import Injection, inject
from attach.process import Process
from tests.support.interpreters import Interpreter
from tests.support.picture import Picture, assert_untouched, picture
from tests.support.processes import Target, running, wait_until

TARGETS = Path(__file__).parent.parent / "targets"
MARK = "live-attach:test"
#: States in which the main thread only sleeps.
ASLEEP = ("sleep", "idle_threads", "vetoing", "denying_write_and_execute")

#: Arrives once: as the real bootstrap it makes a memfd, and does nothing the second time.
SOURCE = f"""
import os, sys
me = object()
if sys.__dict__.setdefault("live_attach_test", me) is me:
    sys.live_attach_test_mark = os.memfd_create({MARK!r})
"""


def marks(pid: int) -> int:
    """How many memfds the source has made in `pid`."""
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found += MARK in os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
    return found


def inject_test_source(
    pid: int, *, source: str = SOURCE, method: str = "auto", timeout: float = 20, force: bool = False
) -> Injection:
    """Injects `source` and waits for its mark."""
    return inject(Process(pid), source, lambda: marks(pid) > 0, method=method, timeout=timeout, force=force)


@contextmanager
def in_state(interpreter: Interpreter, *state: str) -> Iterator[Target]:
    """tests/targets/states.py in `state`; those that end in a long sleep have come to it.

    A program that is about to sleep may be given a pending call, which then waits with its pages for the sleep's end.
    """
    with running([interpreter.path, TARGETS / "states.py", *state], ready="^ready$") as target:
        if state[0] in ASLEEP:
            wait_until(lambda: is_waiting(target.pid), "the sleep")
        yield target


def is_waiting(pid: int, tid: int | None = None) -> bool:
    """Whether the thread is asleep in a system call."""
    state = Path(f"/proc/{pid}/task/{tid or pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "S"


def end_of_state(target: Target) -> dict[str, float]:
    """Ends the state by SIGUSR1, and gives what the program measured. It must have been interrupted in that state."""
    os.kill(target.pid, signal.SIGUSR1)
    found = target.wait_for(r"^\{.*\}$")
    assert target.wait_for_end() == 0
    facts: dict[str, float] = json.loads(found[0])
    return facts


def assert_nothing_left(before: Picture, pid: int) -> None:
    """All is as before the injection, but for the source's own memfd."""
    wait_until(lambda: marks(pid) == 1, "the mark")
    assert_untouched(before, pid, ignoring=("descriptors", "signals"))
    # a thread that ran the script of PEP 768 may still have it open
    wait_until(lambda: _only_the_mark(before.descriptors, picture(pid).descriptors), "the descriptors to be as before")
    after = picture(pid)
    assert not [line for line in after.signals - before.signals if not _caught_by_glibc(line, before)]


def _only_the_mark(before: Counter[str], after: Counter[str]) -> bool:
    return not before - after and all(MARK in line for line in after - before)


def _caught_by_glibc(line: str, before: Picture) -> bool:
    """Whether the signals are those of `before` and glibc's SIGSETXID (33), which its first thread makes it catch."""
    name, mask = line.split()
    return f"{name} {int(mask, 16) & ~(1 << 32):016x}" in before.signals
