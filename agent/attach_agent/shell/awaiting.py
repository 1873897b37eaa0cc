"""``await`` at a prompt: the statement becomes a task of a loop that the program runs."""

from __future__ import annotations

import sys
import time

from ..errors import AgentError
from ..looking.tasks import Asyncio, loops_of
from ..stacks import current_stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

#: Seconds between two looks for an interrupt, and that a cancelled task gets to end.
_LOOK, _CANCELLING = 0.02, 2.0


def run_in_loop(
    code: CodeType,
    namespace: dict[str, Any],
    note: Callable[[str], None],
    new_lock: Callable[[], Any],
    variables: Any = None,
) -> Any:
    """Run a statement with ``await`` in the loop's thread, and wait for its end; returns the value of an expression.

    Its names are those of `namespace`, and of `variables` if there are any. What it raises is raised here. An interrupt
    cancels it. RuntimeError if no loop runs.
    """
    loop = running_loop(new_lock)
    coroutine = eval(code, namespace, variables)
    return Statement(loop, coroutine, note, new_lock()).wait()


class Statement:
    """One coroutine in a loop of another thread. `ended` is a lock, released at the end."""

    def __init__(self, loop: Any, coroutine: Any, note: Callable[[str], None], ended: Any) -> None:
        self._coroutine = coroutine
        self._note = note
        self._ended = ended
        self._ended.acquire()
        self._error: BaseException | None = None
        self._task: Any = None
        self._value: Any = None
        self._loop = loop
        try:
            loop.call_soon_threadsafe(self._begin)
        except BaseException:  # it has just been closed
            coroutine.close()
            raise

    def wait(self) -> Any:
        try:
            while not self._ended.acquire(True, _LOOK):
                pass
        except KeyboardInterrupt:
            self._loop.call_soon_threadsafe(self._cancel)
            deadline = time.monotonic() + _CANCELLING
            while not self._ended.acquire(True, _LOOK):
                if time.monotonic() > deadline:
                    self._note("the task was cancelled, and goes on until it notices")
                    break
            raise
        if self._error is not None:
            raise self._error
        return self._value

    # ---- in the loop's thread ----

    def _begin(self) -> None:
        guarded = self._guarded()
        try:
            self._task = self._loop.create_task(guarded)
        except BaseException as error:
            guarded.close()
            self._coroutine.close()
            self._error = error
            self._ended.release()

    async def _guarded(self) -> None:
        """Nothing comes out of it: a loop lets SystemExit and KeyboardInterrupt of a task end the program."""
        try:
            self._value = await self._coroutine
        except BaseException as error:
            self._error = error
        finally:
            self._ended.release()

    def _cancel(self) -> None:
        if self._task is None:
            self._coroutine.close()
        else:
            self._task.cancel()


def running_loop(new_lock: Callable[[], Any]) -> Any:
    """The loop of asyncio that runs: the main thread's, if several do. RuntimeError if none does."""
    never = new_lock()
    never.acquire()
    asyncio = Asyncio()
    if asyncio.kinds:
        try:
            found = loops_of(current_stacks())
        except AgentError:  # variables cannot be read here
            found = []
        main = getattr(getattr(sys.modules.get("threading"), "_main_thread", None), "_ident", 0)
        found.sort(key=lambda item: item[1] != main)
        for loop, _ in found:
            return loop
        for task in asyncio.tasks([], lambda seconds: never.acquire(True, seconds)):
            loop = asyncio.read(task, "_loop")
            if loop.is_running():
                return loop
    raise RuntimeError("await needs a loop of asyncio that runs, and this process has none")
