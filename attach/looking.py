"""A picture of what the threads, greenlets and tasks of a process do: what ``Session.threads`` returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from attach.channel.connection import AgentConnection, as_dict
from attach.errors import NoSuchProcess
from attach.inject import waits
from attach.process import Process

#: Files of which lines are shown.
_MOST_FILES = 2000


@dataclass
class Frame:
    """One call in a stack. `skipped` calls that are left out have no name."""

    file: str
    line: int
    function: str
    #: The text of the line, where its file can be read and has not changed since the process began.
    source: str = ""
    #: Names and short texts, in their order; empty if they were not asked for.
    locals: dict[str, str] = field(default_factory=dict)
    skipped: int = 0


@dataclass
class Thread:
    """A thread of Python. Stacks are outermost first."""

    #: Its id as the process knows it, and as we do; 0 if that cannot be told.
    native_id: int
    tid: int
    name: str
    main: bool
    daemon: bool
    #: Does a debugger of ours hold it?
    stopped: bool
    #: One letter, as in ps(1), and the system call it sleeps in; empty if not known.
    state: str
    waits: str
    stack: list[Frame]


@dataclass
class OtherThread:
    """A thread that runs no Python: of a library in C."""

    tid: int
    name: str
    waits: str


@dataclass
class Greenlet:
    """A suspended greenlet."""

    kind: str
    name: str
    stack: list[Frame]


@dataclass
class Loop:
    """An event loop, and the native id of the thread that runs it; 0 if it stands or that cannot be told."""

    kind: str
    thread: int


@dataclass
class Task:
    """A task of asyncio that is not done. Other tasks and loops are meant by their numbers in the picture."""

    name: str
    #: "running", "waiting", or "ready" to go on
    state: str
    cancelled: bool
    coroutine: str
    loop: int
    #: The native id of the thread that runs it now, else 0.
    thread: int
    awaits: str
    awaits_tasks: list[int]
    awaited_by: list[int]
    stack: list[Frame]


@dataclass
class Picture:
    """All of it. `problems` are sentences about what is missing."""

    threads: list[Thread]
    others: list[OtherThread]
    greenlets: list[Greenlet]
    loops: list[Loop]
    tasks: list[Task]
    problems: list[str]

    def stacks(self) -> Iterator[list[Frame]]:
        yield from (thread.stack for thread in self.threads)
        yield from (greenlet.stack for greenlet in self.greenlets)
        yield from (task.stack for task in self.tasks)


def take(connection: AgentConnection, process: Process, with_locals: bool) -> Picture:
    """See `attach.session.Session.threads`."""
    connection.load("looking")
    told = as_dict(connection.call("threads", with_locals))
    places = [(str(file), str(function)) for file, function in told["places"]]

    def stack(rows: Iterable[Any]) -> list[Frame]:
        return [_frame(places, *row) for row in rows][::-1]

    kernel = _Kernel(process)
    tasks = [_task(row, stack(row[-1])) for row in told["tasks"]]
    for number, task in enumerate(tasks):
        for other in task.awaits_tasks:
            if 0 <= other < len(tasks) and number not in tasks[other].awaited_by:
                tasks[other].awaited_by.append(number)
    picture = Picture(
        threads=[kernel.thread(row, stack(row[-1])) for row in told["threads"]],
        others=[],
        greenlets=[Greenlet(str(kind), str(name), stack(rows)) for kind, name, rows in told["greenlets"]],
        loops=[Loop(str(kind), int(thread)) for kind, thread in told["loops"]],
        tasks=tasks,
        problems=[str(problem) for problem in told["problems"]],
    )
    picture.threads.sort(key=lambda thread: (not thread.main, thread.tid))
    if all(thread.tid for thread in picture.threads):
        picture.others = kernel.others({*(thread.tid for thread in picture.threads), *kernel.ours(told["ours"])})
    _add_sources(process, picture)
    return picture


def _frame(places: list[tuple[str, str]], place: int, line: int, variables: Iterable[tuple[str, str]]) -> Frame:
    if place < 0:
        return Frame("", 0, "", skipped=int(line))
    file, function = places[place]
    return Frame(file, int(line), function, locals={str(name): str(text) for name, text in variables})


def _task(row: Any, stack: list[Frame]) -> Task:
    name, state, cancelled, coroutine, loop, thread, awaits, tasks, waiters, _ = row
    return Task(
        name=str(name),
        state=str(state),
        cancelled=bool(cancelled),
        coroutine=str(coroutine),
        loop=int(loop),
        thread=int(thread),
        awaits=str(awaits),
        awaits_tasks=[int(number) for number in tasks],
        awaited_by=[int(number) for number in waiters],
        stack=stack,
    )


class _Kernel:
    """What the kernel tells of the threads."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._tids = process.tids_by_inner_id()
        self._waits = waits(process)
        self._common_name = process.name

    def thread(self, row: Any, stack: list[Frame]) -> Thread:
        native, name, daemon, main, stopped, _ = row
        tid = self._tids.get(int(native), 0)
        state, own_name = self._facts(tid)
        return Thread(
            native_id=int(native),
            tid=tid,
            name=str(name) or (own_name if own_name != self._common_name else ""),
            main=bool(main),
            daemon=bool(daemon),
            stopped=bool(stopped),
            state=state,
            waits=self._waits.get(tid, ""),
            stack=stack,
        )

    def ours(self, natives: Iterable[int]) -> Iterator[int]:
        return (self._tids.get(int(native), 0) for native in natives)

    def others(self, known: set[int]) -> list[OtherThread]:
        left = sorted(set(self._tids.values()) - known)
        return [OtherThread(tid, self._facts(tid)[1], self._waits.get(tid, "")) for tid in left]

    def _facts(self, tid: int) -> tuple[str, str]:
        """State and name; empty if it has ended."""
        try:
            state, name = self._process.status_fields("State", "Name", tid=tid) if tid else ("", "")
        except NoSuchProcess:
            return "", ""
        return state[:1], name


def _add_sources(process: Process, picture: Picture) -> None:
    """The lines of files as the process sees them, read with no more rights than it has."""
    from attach.report.rights import owner_of
    from attach.report.sources import decoded, read_files

    paths = {frame.file for stack in picture.stacks() for frame in stack if frame.file.startswith("/")}
    root = process.root if process.sees_other_files() else "/"
    found = read_files(root, owner_of(process.pid), sorted(paths)[:_MOST_FILES], process.started_at())
    lines: dict[str, list[str]] = {}
    for path, source in found.items():
        if source.content is not None and not source.changed:
            try:
                lines[path] = decoded(source.content).split("\n")
            except (SyntaxError, LookupError):  # it declares an encoding that does not exist
                continue
    for stack in picture.stacks():
        for frame in stack:
            text = lines.get(frame.file, [])
            if 0 < frame.line <= len(text):
                frame.source = text[frame.line - 1].strip()
