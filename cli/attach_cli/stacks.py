"""A picture of threads, greenlets and tasks for people: equal stacks once, as wide as the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

import click

from attach.looking import Frame, Greenlet, Picture, Task, Thread
from attach_cli import console

T = TypeVar("T")

_INDENT = "  "
#: Names of threads or tasks of one stack that are written out.
_NAMES = 6
#: Columns below which no line is cut.
_NARROWEST = 40


def show(picture: Picture, pid: int, python: str) -> None:
    """On stdout; what is missing, on stderr."""
    console.show(_lines(picture, pid, python))
    for problem in picture.problems:
        console.say(f"attach: {console.escaped(problem)}")


def _lines(picture: Picture, pid: int, python: str) -> Iterator[str]:
    counts = [
        _count(len(picture.threads), "thread"),
        *([_count(len(picture.greenlets), "suspended greenlet")] if picture.greenlets else []),
        *([_count(len(picture.tasks), "asyncio task")] if picture.tasks else []),
    ]
    yield f"process {pid}: CPython {python}, {', '.join(counts)}"
    for threads in _folded(picture.threads, lambda thread: (_shape(thread.stack), thread.main, thread.stopped)):
        yield from _block(_thread_head(threads), threads[0].stack)
    for greenlets in _folded(picture.greenlets, lambda greenlet: (_shape(greenlet.stack), greenlet.kind)):
        yield from _block(_greenlet_head(greenlets), greenlets[0].stack)
    yield from _tasks(picture)
    if picture.others:
        waits = sorted({other.waits for other in picture.others if other.waits})
        names = sorted({console.escaped(other.name) for other in picture.others})
        yield ""
        yield _dim(
            f"{_count(len(picture.others), 'thread')} without Python: {_listed(names)}"
            + (f", in {', '.join(waits)}" if waits else "")
        )


# ---- heads ----


def _thread_head(threads: Sequence[Thread]) -> str:
    first = threads[0]
    names = _listed([console.escaped(thread.name) or "unnamed thread" for thread in threads])
    ids = _listed([str(thread.native_id or "?") for thread in threads])
    facts = [*(["main"] if first.main else []), *(["daemon"] if all(thread.daemon for thread in threads) else [])]
    waits = {thread.waits for thread in threads}
    if first.stopped:
        facts.append("stopped by a debugger")
    elif len(waits) == 1:
        facts += [f"in {waits.pop()}" if first.waits else "running" if first.state == "R" else ""]
    return _head(len(threads), "threads", f"{names}", [f"thread {ids}" if len(threads) == 1 else ids, *facts])


def _greenlet_head(greenlets: Sequence[Greenlet]) -> str:
    names = [console.escaped(greenlet.name) for greenlet in greenlets if greenlet.name]
    return _head(len(greenlets), "greenlets", _listed(names) or "greenlet", [console.escaped(greenlets[0].kind)])


def _task_head(tasks: Sequence[Task], picture: Picture) -> str:
    first = tasks[0]
    facts = [f"{console.escaped(first.coroutine)}()", first.state]
    if first.thread:
        facts[-1] += f" in thread {first.thread}"
    if first.awaits:
        facts[-1] += f" for {_awaited(first, picture)}"
    if first.cancelled:
        facts.append("to be cancelled")
    if first.awaited_by:
        facts.append(f"awaited by {_meant(first.awaited_by, picture)}")
    return _head(len(tasks), "tasks", _listed([console.escaped(task.name) for task in tasks]), facts)


def _awaited(task: Task, picture: Picture) -> str:
    names = _meant(task.awaits_tasks, picture)
    if task.awaits == "task" and names:
        return names
    return console.escaped(task.awaits) + (f"({names})" if names else "")


def _meant(numbers: Sequence[int], picture: Picture) -> str:
    return _listed([console.escaped(picture.tasks[number].name) for number in numbers if number < len(picture.tasks)])


def _head(count: int, what: str, names: str, facts: Iterable[str]) -> str:
    like = f"{count} {what} like this: " if count > 1 else ""
    return f"{click.style(like + names, bold=True)}  ({', '.join(filter(None, facts))})"


def _tasks(picture: Picture) -> Iterator[str]:
    for number, loop in enumerate(picture.loops):
        tasks = sorted((task for task in picture.tasks if task.loop == number), key=_by_name)
        where = f", run by thread {loop.thread}" if loop.thread else ""
        yield ""
        yield f"loop {console.escaped(loop.kind)}{where}: {_count(len(tasks), 'task')}"
        for alike in _folded(tasks, _kind_of_task):
            yield from _block(_task_head(alike, picture), alike[0].stack)


def _by_name(task: Task) -> list[tuple[str, int]]:
    """Task-2 before Task-10."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", task.name)]


def _kind_of_task(task: Task) -> Hashable:
    return (_shape(task.stack), task.state, task.awaits, task.cancelled, *task.awaits_tasks, -1, *task.awaited_by)


# ---- stacks ----


def _block(head: str, stack: Sequence[Frame]) -> Iterator[str]:
    """A head and below it the calls, the most recent one last."""
    yield ""
    yield head
    for frame in stack:
        if frame.skipped:
            yield _dim(f"{_INDENT}... {_count(frame.skipped, 'call')} more ...")
            continue
        function = console.escaped(frame.function)
        yield f"{_INDENT}{function}  " + _dim(f"{console.escaped(frame.file)}:{frame.line}")
        if frame.source:
            yield _cut(f"{_INDENT * 3}{console.escaped(frame.source)}")
        for name, text in frame.locals.items():
            yield _dim(_cut(f"{_INDENT * 4}{console.escaped(name)} = {console.escaped(text)}"))


def _shape(stack: Sequence[Frame]) -> Hashable:
    """What makes two stacks equal; variables do."""
    return tuple((frame.file, frame.line, frame.function, *frame.locals.items()) for frame in stack)


def _folded(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Items of the same key together, in the order of their first ones."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _dim(text: str) -> str:
    return click.style(text, dim=True)


def _cut(text: str) -> str:
    """As wide as the terminal, if stdout is one."""
    if not console.to_terminal():
        return text
    width = max(console.terminal_width(), _NARROWEST)
    return text if len(text) <= width else f"{text[: width - 3]}..."
