"""Running a loop of asyncio on from within one of its own callbacks, where its thread is stopped at a prompt.

Two things of asyncio forbid that, and are seen to here. A task that begins a step while another one of the same loop is
in a step is an error: so the stopped one is taken off for the time (``asyncio.tasks._leave_task``). And the outer round
of the loop counts the callbacks that were ready when it began (``BaseEventLoop._run_once``): if we have run some of
them, others, which do nothing, take their places.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Seconds that a cancelled task gets to end.
_CANCELLING = 1.0


class NestedLoop:
    """The loop that this thread runs, which is stopped in one of its callbacks.

    `NoLoop` with a sentence if there is none, or none whose rounds can be told one by one.
    """

    def __init__(self) -> None:
        events, tasks = (sys.modules.get("asyncio.%s" % name) for name in ("events", "tasks"))
        loop = getattr(events, "_get_running_loop", lambda: None)()
        if loop is None:
            raise NoLoop("this thread runs no loop of asyncio:  attach PID shell  has await, too")
        if not (hasattr(loop, "_run_once") and hasattr(getattr(loop, "_ready", None), "pop")):
            kind = type(loop)
            text = "%s.%s cannot be run on while its thread is stopped:  attach PID shell  has await, too"
            raise NoLoop(text % (kind.__module__, kind.__qualname__))
        self._loop: Any = loop
        self._tasks: Any = tasks
        self._stopped = False

    def send(self) -> str:
        """Give up: called by another thread, as `Interrupts.send`."""
        self._stopped = True
        try:
            self._loop.call_soon_threadsafe(_nothing)
        except RuntimeError:  # it was closed
            pass
        return ""

    def run(self, coroutine: Any, seconds: float, waits: Callable[[], None]) -> Any:
        """What the coroutine returns. Others run too once it has to wait for something; `waits` is called before.

        TimeoutError after `seconds`, KeyboardInterrupt after `send`; then it is cancelled. SystemExit and
        KeyboardInterrupt of other tasks come out as `OfTheProgram`.
        """
        loop, tasks = self._loop, self._tasks
        current = tasks.current_task(loop)
        expected = len(loop._ready)
        if current is not None:
            tasks._leave_task(loop, current)
        try:
            outcome = Outcome(coroutine)
            task = tasks.Task(outcome.run(), loop=loop, name="live-attach await")
            loop._ready.pop()._run()  # its first step, ahead of all others
            if not task.done():
                waits()
                self._run_until(task, seconds)
        finally:
            for _ in range(expected - len(loop._ready)):
                loop.call_soon(_nothing)
            if current is not None:
                tasks._enter_task(loop, current)
        return outcome.value()

    def _run_until(self, task: Any, seconds: float) -> None:
        problem = self._rounds(task, seconds)
        if problem is not None:
            task.cancel()
            self._stopped = False
            self._rounds(task, _CANCELLING)
            raise problem

    def _rounds(self, task: Any, seconds: float) -> BaseException | None:
        """Run rounds until the task is done; why it was given up."""
        deadline = time.monotonic() + seconds
        alarm = self._loop.call_later(seconds, _nothing)
        try:
            while not task.done():
                if self._stopped:
                    return KeyboardInterrupt()
                if time.monotonic() >= deadline:
                    return TimeoutError("not done after %g s, and cancelled" % seconds)
                try:
                    self._loop._run_once()
                except (KeyboardInterrupt, SystemExit) as error:
                    raise OfTheProgram from error
        finally:
            alarm.cancel()
        return None


class NoLoop(Exception):
    """There is no loop that could be run on; says why."""


class OfTheProgram(Exception):
    """Its cause has come out of a task of the program, and ends its loop."""


class Outcome:
    """What a coroutine comes to. Nothing comes out of the task: SystemExit would end the program."""

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine
        self._value: Any = None
        self._error: BaseException | None = None

    async def run(self) -> None:
        try:
            self._value = await self._coroutine
        except BaseException as error:
            self._error = error

    def value(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


def _nothing() -> None:
    """A callback."""
