"""What a program may be doing, and which ways in are expected to work then: for the tests, and for the documentation.

The table in docs/reference/states.md is `table()`; a test compares them.
"""

import enum
from dataclasses import dataclass


class Parked(enum.Enum):
    """Whether a thread waits in a system call in which it can be borrowed."""

    ALWAYS = "yes"
    SOMETIMES = "at times"
    NEVER = "-"


@dataclass(frozen=True)
class State:
    """A state of tests/targets/states.py."""

    name: str
    what: str
    parked: Parked
    #: Its main thread sleeps in one system call until it is interrupted.
    waits: bool = False
    #: Whether PEP 768 alone gets in. What is woken by EINTR must be Python's own code and look for requests when it
    #: wakes: locks only look for signals, waits of C code look for nothing.
    remote_exec: bool = True


def _waiting(name: str, what: str, *, remote_exec: bool = True) -> State:
    return State(name, what, Parked.ALWAYS, waits=True, remote_exec=remote_exec)


STATES = (
    _waiting("sleep", "`time.sleep`"),
    _waiting("accept", "`socket.accept`"),
    _waiting("recv", "`socket.recv`"),
    _waiting("recv_with_timeout", "`socket.recv` with a timeout"),
    _waiting("read_pipe", "`os.read` from a pipe"),
    _waiting("select", "`select.select`"),
    _waiting("poll", "`select.poll`"),
    _waiting("epoll", "`select.epoll`"),
    _waiting("idle_asyncio", "an idle loop of asyncio"),
    _waiting("child", "`Popen.wait`"),
    _waiting("pause", "`signal.pause`"),
    _waiting("sigwait", "`signal.sigwait`", remote_exec=False),
    _waiting("lock", "`Lock.acquire`", remote_exec=False),
    _waiting("lock_with_timeout", "`Lock.acquire` with a timeout", remote_exec=False),
    _waiting("condition", "`Condition.wait`", remote_exec=False),
    _waiting("idle_threads", "40 idle threads and a sleep"),
    _waiting("raw_epoll", "`epoll_wait` from C", remote_exec=False),
    _waiting("raw_epoll_with_timeout", "`epoll_wait` with a timeout from C", remote_exec=False),
    _waiting("raw_poll", "`poll` from C", remote_exec=False),
    _waiting("raw_sleep", "`usleep` from C", remote_exec=False),
    State("join", "`Thread.join` of a thread that works", Parked.ALWAYS),
    State("raw_thread", "a sleep beside a thread of `_thread` that works", Parked.ALWAYS),
    State("busy_main", "a loop of Python beside a thread that works", Parked.SOMETIMES),
    State("busy_threads", "four threads that compute", Parked.SOMETIMES),
    State("short_sleeps", "sleeps of 0.1 ms", Parked.SOMETIMES),
    State("busy_asyncio", "a loop of asyncio that never waits", Parked.NEVER),
    State("busy", "a loop of Python", Parked.NEVER),
    State("gil_heavy", "C calls of 10 ms that hold the GIL", Parked.NEVER),
    State("hashing", "C calls of 10 ms without the GIL", Parked.NEVER),
)
BY_NAME = {state.name: state for state in STATES}
WAITING = tuple(state.name for state in STATES if state.waits)
RUNNING = tuple(state.name for state in STATES if not state.waits)
REFUSING_REMOTE_EXEC = tuple(state.name for state in STATES if not state.remote_exec)

HEAD = ("The program is in", "`auto`", "`ptrace`: a parked thread", "`ptrace`: a pending call", "`remote-exec`")


def table() -> str:
    """Markdown: for each state what each way in does."""
    lines = [HEAD, ("---",) * len(HEAD)]
    for state in STATES:
        pending = {Parked.ALWAYS: "-", Parked.SOMETIMES: "at times", Parked.NEVER: "yes"}[state.parked]
        remote = "yes" if state.remote_exec else "`no-evaluation-point`"
        lines.append((state.what, "yes", state.parked.value, pending, remote))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
