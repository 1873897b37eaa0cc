"""Which task of asyncio waits for what, and for which: as plain values, with a stack for each."""

from __future__ import annotations

from ..errors import AgentError
from .shown import type_name
from .tasks import Chain, Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

    from .tasks import Asyncio

    Place = tuple[FrameType, tuple[CodeType, int]]


class Graph:
    """The tasks of one moment. Tasks and loops are told by their numbers here."""

    def __init__(
        self,
        asyncio: Asyncio,
        tasks: list[Any],
        running: list[tuple[Any, int]],
        stacks: dict[int, list[Place]],
        natives: dict[int, int],
    ) -> None:
        """`running`: loops and the idents of their threads; `natives`: the native ids of idents."""
        self._asyncio = asyncio
        self._stacks = stacks
        self._natives = natives
        self._numbers = {id(task): number for number, task in enumerate(tasks)}
        self._threads = {id(loop): natives.get(ident, 0) for loop, ident in running}
        #: where on which stack a frame is
        self._places = {
            id(frame): (ident, at) for ident, stack in stacks.items() for at, (frame, _) in enumerate(stack)
        }
        self._loops: dict[int, tuple[int, Any]] = {}
        for loop in [loop for loop, _ in running] + [asyncio.read(task, "_loop") for task in tasks]:
            self._loops.setdefault(id(loop), (len(self._loops), loop))
        self.problems: dict[str, None] = {}

    def loops(self) -> tuple[tuple[str, int], ...]:
        """Type, and the native id of the thread that runs it."""
        return tuple([(type_name(type(loop)), self._threads.get(id(loop), 0)) for _, loop in self._loops.values()])

    def row(self, task: Any) -> tuple[tuple[Any, ...], list[Place]]:
        """All about a task but its stack; and that, innermost first."""
        read = self._asyncio.read
        coroutine = read(task, "_coro")
        chain = Chain(coroutine)
        stack, thread = self._stack(chain)
        future = read(task, "_fut_waiter")
        waiting = self._waiting(chain, future)
        row = (
            self._asyncio.name(task),
            "running" if chain.running else "ready" if future is None else "waiting",
            bool(read(task, "_must_cancel")),
            str(getattr(coroutine, "__qualname__", "")),
            self._loops[id(read(task, "_loop"))][0],
            thread,
            waiting.text,
            self._known(waiting.tasks),
            self._known(list(read(task, "_asyncio_awaited_by") or ())),  # from Python 3.14 on
        )
        return row, stack

    def _stack(self, chain: Chain) -> tuple[list[Place], int]:
        """The frames of a suspended task; of one that runs those of its thread, and that thread's native id."""
        if chain.running and chain.frames and id(chain.frames[0]) in self._places:
            ident, at = self._places[id(chain.frames[0])]
            return self._stacks[ident][: at + 1], self._natives.get(ident, 0)
        return [(frame, (frame.f_code, frame.f_lineno)) for frame in chain.frames[::-1]], 0

    def _waiting(self, chain: Chain, future: Any) -> Waiting:
        try:
            return Waiting(self._asyncio, chain, future)
        except AgentError as error:  # variables cannot be read here, which tell more
            self.problems[error.message] = None
            return Waiting(self._asyncio, Chain(None), future)

    def _known(self, tasks: list[Any]) -> tuple[int, ...]:
        return tuple([self._numbers[id(task)] for task in tasks if id(task) in self._numbers])
