"""The tasks of asyncio: what each waits for, and who waits for it. Nothing is imported, no task is changed."""

from __future__ import annotations

import gc
import sys
from itertools import repeat

from ..stacks import heap
from .frames import locals_of
from .shown import attributes, shown, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any

#: Awaits that are followed from one task.
_DEEPEST = 100


def _kinds() -> dict[int, tuple[str, str, str]]:
    """What can be suspended, by the type's id -> its attributes: the frame, whether it runs, and what it awaits.

    By id, since a metaclass of the program may have a ``__hash__``.
    """

    async def coroutine() -> None:
        pass

    async def asynchronous() -> Any:
        yield

    def generator() -> Any:
        yield

    one = coroutine()
    one.close()
    return {
        id(type(one)): ("cr_frame", "cr_running", "cr_await"),
        id(type(generator())): ("gi_frame", "gi_running", "gi_yieldfrom"),
        id(type(asynchronous())): ("ag_frame", "ag_running", "ag_await"),
    }


_KINDS = _kinds()


class Asyncio:
    """Those modules of asyncio that the program has loaded."""

    def __init__(self) -> None:
        module: Any = sys.modules.get("asyncio.tasks")
        self.module = module
        kinds = [getattr(module, name, None) for name in ("Task", "_PyTask")]
        #: the class of C, and that of Python, which a program may have chosen
        self.kinds: list[Any] = [kind for kind in kinds if type(kind) is type]

    def tasks(self, loops: list[Any], pause: Callable[[float], object]) -> list[Any]:
        """All that are not done; `loops` are those that run, as far as they are known."""
        if not self.kinds:
            return []
        found: list[Any] = []
        for name in ("_all_tasks", "_scheduled_tasks"):  # 3.8 - 3.11, later
            references = getattr(getattr(self.module, name, None), "data", ())
            found += [reference() for reference in list(references)]
        found += list(getattr(self.module, "_eager_tasks", ()))
        if sys.version_info >= (3, 14):  # where those of C are in lists of their own (Modules/_asynciomodule.c)
            found += self._tasks_of_c(loops, pause)
        unique = {id(task): task for task in found if self.is_task(task)}
        return [task for task in unique.values() if self.read(task, "_state") == "PENDING"]

    def _tasks_of_c(self, loops: list[Any], pause: Callable[[float], object]) -> Iterator[Any]:
        all_tasks = getattr(sys.modules.get("_asyncio"), "all_tasks", None)
        if all_tasks is not None and loops:
            for loop in loops:
                yield from all_tasks(loop)
        else:  # loops without a frame, such as uvloop's
            kind = self.kinds[0]
            yield from heap(lambda types: map(issubclass, types, repeat(kind)), pause)

    def is_task(self, thing: Any) -> bool:
        return any(issubclass(type(thing), kind) for kind in self.kinds)

    def read(self, task: Any, name: str) -> Any:
        """An attribute of a task or future, past whatever a class of the program makes of it."""
        for base in type.__dict__["__mro__"].__get__(type(task)):
            if base.__module__ == "_asyncio":
                descriptor = getattr(base, name, None)
                return descriptor.__get__(task) if descriptor is not None else None
        return attributes(task).get(name)

    def name(self, task: Any) -> str:
        for kind in self.kinds:
            if issubclass(type(task), kind):
                return str(kind.get_name(task))
        return ""


class Chain:
    """What a task is suspended in: the frames of its coroutine and all that that awaits, outermost first."""

    def __init__(self, coroutine: Any) -> None:
        self.frames: list[FrameType] = []
        #: Does a thread run it in this moment?
        self.running = False
        #: what is awaited in the end, if that is no coroutine
        self.end: Any = None
        thing = coroutine
        while thing is not None and len(self.frames) < _DEEPEST:
            kind = _KINDS.get(id(type(thing)))
            if kind is None:
                inside = (
                    [item for item in gc.get_referents(thing) if id(type(item)) in _KINDS] if _is_wrapper(thing) else []
                )
                if not inside:
                    self.end = thing
                    break
                thing = inside[0]
                continue
            frame, running, awaited = [getattr(thing, name) for name in kind]
            if frame is None:  # it has ended
                break
            self.frames.append(frame)
            # an asynchronous generator calls itself running also while it waits; who runs it tells
            self.running = self.running or (running and kind[0] != "ag_frame")
            thing = awaited


#: Objects of C between two coroutines, which do not tell what they are about.
_WRAPPERS = ("coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable")


def _is_wrapper(thing: Any) -> bool:
    return type(thing).__name__ in _WRAPPERS


def loops_of(stacks: dict[int, list[FrameType]]) -> list[tuple[Any, int]]:
    """The loops that run, each with the thread: those of which the stacks tell, innermost first."""
    found: list[tuple[Any, int]] = []
    for ident, frames in stacks.items():
        for frame in frames:
            loop = _loop_of(frame)
            if loop is not None:
                found.append((loop, ident))
                break
    return found


def _loop_of(frame: FrameType) -> Any:
    """asyncio's own loops run in Python; of another the runner knows, which Python 3.11 has brought."""
    place = frame.f_code.co_name, frame.f_globals.get("__name__")
    if place == ("run_forever", "asyncio.base_events"):
        return locals_of(frame).get("self")
    if place == ("run", "asyncio.runners"):
        return attributes(locals_of(frame).get("self")).get("_loop")
    return None


class Waiting:
    """What a task waits for, in words, and which tasks that are."""

    def __init__(self, asyncio: Asyncio, chain: Chain, future: Any) -> None:
        self.text = ""
        self.tasks: list[Any] = []
        if future is None:
            return
        self.text = type_name(type(future))
        children = _children(future, asyncio)
        if asyncio.is_task(future):
            self.text, self.tasks = "task", [future]
        elif children:
            self.text, self.tasks = "gather", children
        else:
            for frame in chain.frames[::-1]:
                module = frame.f_globals.get("__name__")
                if type(module) is not str or not module.startswith("asyncio."):
                    break
                self._in_library(asyncio, frame, module)

    def _in_library(self, asyncio: Asyncio, frame: FrameType, module: str) -> None:
        name = frame.f_code.co_name
        known = locals_of(frame)
        if (module, name) == ("asyncio.tasks", "sleep"):
            self.text = "sleep(%s)" % shown(known.get("delay"))
        elif (module, name) == ("asyncio.tasks", "_wait"):
            tasks: Any = known.get("fs")
            self.text = "wait"
            self.tasks = [task for task in list(tasks) if asyncio.is_task(task)] if type(tasks) in (set, list) else []
        elif (module, name) == ("asyncio.tasks", "wait_for"):
            self.text = "wait_for"
            self.tasks = [task for task in [known.get("fut")] if asyncio.is_task(task)]
        elif "self" in known and name[:1] != "_":
            self.text = "%s.%s" % (type(known["self"]).__name__, name)


def _children(future: Any, asyncio: Asyncio) -> list[Any]:
    """The tasks that a future of gather() is about. Its attributes are shown by the garbage collector alone."""
    if type(future).__name__ != "_GatheringFuture":
        return []
    found = gc.get_referents(future)
    found += [item.get("_children") for item in found if type(item) is dict]  # before 3.13
    return [task for item in found if type(item) is list for task in item if asyncio.is_task(task)]
