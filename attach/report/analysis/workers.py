"""Processes that analyze sources: forks of ours, or other interpreters that run `attach.report.analysis.program`.

Each has one socket, on which a question is answered before the next one is asked. A worker that dies costs the source
that it was at; one that takes too long is killed. When the operator ends, in whatever way, so do they.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

from attach.report.analysis import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import NoReturn, Self

#: Seconds for one source, and for a worker's first word.
TIMEOUT = 60.0
STARTUP = 15.0
#: Bytes of one answer. Every character of a source can be a token.
_LARGEST_ANSWER = 256 << 20
_PR_SET_PDEATHSIG = 1
#: A worker that dies this often dies of something else than a strange source.
_MOST_DEATHS = 20

_BOOTSTRAP = "import sys; s = sys.stdin.buffer; exec(compile(s.read(int(s.readline())), '<analysis>', 'exec'))"
#: The arguments after the interpreter's name. Isolated, without site-packages, nothing written, nothing warned of.
ARGUMENTS = ("-I", "-S", "-B", "-W", "ignore", "-c", _BOOTSTRAP)


class WorkerFailed(Exception):
    """A worker did not do what it should; the text says what."""


class Worker:
    """One process and our end of its socket."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def send(self, data: bytes, timeout: float = TIMEOUT) -> None:
        """Send it all.

        Raises WorkerFailed.
        """
        self.connection.settimeout(timeout)
        try:
            self.connection.sendall(data)
        except OSError as error:
            raise WorkerFailed(_told(error)) from None

    def receive(self, timeout: float = TIMEOUT) -> bytes:
        """The next answer's JSON.

        Raises WorkerFailed.
        """
        deadline = time.monotonic() + timeout
        (size,) = struct.unpack(">I", self._receive(4, deadline))
        if size > _LARGEST_ANSWER:
            raise WorkerFailed("its answer is too large")
        return self._receive(size, deadline)

    def _receive(self, size: int, deadline: float) -> bytes:
        found = bytearray()
        while len(found) < size:
            self.connection.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                part = self.connection.recv(min(size - len(found), 1 << 20))
            except OSError as error:
                raise WorkerFailed(_told(error)) from None
            if not part:
                raise WorkerFailed("it ended")
            found += part
        return bytes(found)

    def close(self) -> None:
        """End it, whatever it does."""
        self.connection.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def _told(error: OSError) -> str:
    return "it took too long" if isinstance(error, TimeoutError) else f"it ended: {error.strerror or error}"


def can_fork() -> bool:
    """Whether a fork of this process is a process in order: threads that hold locks are not in it."""
    return threading.active_count() == 1


def processors() -> int:
    """How many processes work side by side."""
    return min(len(os.sched_getaffinity(0)), 8)


def forked(work: Callable[[socket.socket], object], others: Sequence[Worker] = ()) -> Worker:
    """A fork of this process that does `work` and ends; Ctrl-C is for its parent, with which it ends.

    `others` are workers that exist already: it must not hold their sockets open.
    """
    ours, theirs = socket.socketpair()
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def child() -> None:
        ours.close()
        for other in others:
            other.connection.close()
        work(theirs)

    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # for good, in the child
    try:
        pid = os.fork()
        if pid == 0:
            _child(child, parent, libc)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    theirs.close()
    return Worker(pid, ours)


def _child(work: Callable[[], object], parent: int, libc: ctypes.CDLL) -> NoReturn:
    code = 1
    try:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            work()
            code = 0
    finally:
        os._exit(code)  # nothing of what the parent would do at its end


def analyzing(rules: program.Rules) -> Callable[[socket.socket], None]:
    """What a forked worker does."""

    def work(connection: socket.socket) -> None:
        with connection.makefile("rb") as incoming, connection.makefile("wb") as outgoing:
            program.serve(incoming, outgoing, rules)

    return work


def spawned(command: str) -> Worker:
    """Another interpreter, one of the operator's own. It is to be greeted."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                [command, *ARGUMENTS],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise WorkerFailed(f"{command}: {error.strerror or error}") from None
    process.returncode = 0  # for subprocess it has ended: it is reaped by `Worker.close`
    return Worker(process.pid, ours)


def greet(worker: Worker, settings: dict[str, Any], version: tuple[int, int]) -> None:
    """Send another interpreter its program and settings.

    Raises WorkerFailed if it is not a CPython of this version.
    """
    with open(program.__file__, "rb") as file:
        source = file.read()
    worker.send(b"%d\n" % len(source) + source + program.framed(program.dumped(settings)), STARTUP)
    try:
        name, major, minor, _ = json.loads(worker.receive(STARTUP))
    except (ValueError, TypeError, RecursionError):
        raise WorkerFailed("it is not a Python") from None
    if (name, major, minor) != ("CPython", *version):
        raise WorkerFailed("it is another Python")


def answers(
    start: Callable[[Sequence[Worker]], Worker], questions: Iterable[tuple[str, bytes]], count: int
) -> Iterator[tuple[str, bytes | str]]:
    """Have `count` workers answer; yields each question's name and the answer, or why there is none, as a str.

    Raises WorkerFailed if workers cannot be started, or go on dying.
    """
    waiting = iter(questions)
    idle: list[Worker] = []
    busy: dict[Worker, tuple[str, float]] = {}
    deaths = 0
    try:
        for _ in range(count):
            idle.append(start(idle))
        while True:
            while idle and (question := next(waiting, None)) is not None:
                worker = idle.pop()
                busy[worker] = (question[0], time.monotonic() + TIMEOUT)
                with contextlib.suppress(WorkerFailed):  # told by the answer that does not come
                    worker.send(question[1])
            if not busy:
                return
            for worker in _ready(busy):
                name, deadline = busy.pop(worker)
                answer: bytes | str
                try:
                    answer = worker.receive(max(deadline - time.monotonic(), 0.001))
                except WorkerFailed as error:
                    worker.close()
                    deaths += 1
                    if deaths == _MOST_DEATHS:
                        raise
                    answer = f"its analysis failed: {error}"
                    idle.append(start([*idle, *busy]))
                else:
                    idle.append(worker)
                yield name, answer
    finally:
        for worker in (*idle, *busy):
            worker.close()


def _ready(busy: dict[Worker, tuple[str, float]]) -> list[Worker]:
    """The workers that answer, end, or have had their time."""
    by_descriptor = {worker.connection.fileno(): worker for worker in busy}
    poll = select.poll()
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    now = time.monotonic()
    soonest = min(deadline for _, deadline in busy.values())
    events = poll.poll(max(soonest - now, 0) * 1000)
    if events:
        return [by_descriptor[descriptor] for descriptor, _ in events]
    return [worker for worker, (_, deadline) in busy.items() if deadline <= time.monotonic()]
