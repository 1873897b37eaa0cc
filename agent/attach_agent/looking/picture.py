"""A picture of what the process does: the stacks of its threads, greenlets and tasks. Nothing is stopped for it."""

from __future__ import annotations

import _thread
import posix
import sys
import time

from ..errors import AgentError
from ..stacks import current_places, greenlets
from .frames import locals_of
from .graph import Graph
from .names import main_name, names, native_ids
from .shown import shown, type_name
from .tasks import Asyncio, loops_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

    Place = tuple[FrameType, tuple[CodeType, int]]

_OWN = "<live-attach>"
_DEBUGGER = "<live-attach>/debugger/"
#: Frames of one stack that are told, innermost and outermost.
_INNERMOST, _OUTERMOST = 150, 50
#: Tasks and greenlets that are told.
_MOST = 10_000
#: Variables of one frame and of all, and seconds in which they are shown.
_LOCALS, _ALL_LOCALS, _SECONDS = 40, 20_000, 3.0
#: Seconds that other threads get between two pieces of the work, and how many pieces that is.
_BREATH, _PIECES = 0.0005, 50


class Picture:
    """What is told to the operator, as plain values."""

    def __init__(self, pause: Callable[[float], object], with_locals: bool) -> None:
        self._pause = pause
        self._with_locals = with_locals
        self._places: dict[tuple[str, str], int] = {}
        self._problems: dict[str, None] = {}
        self._shown = self._pieces = 0
        self._deadline = time.monotonic() + _SECONDS

    def take(self) -> tuple[tuple[str, Any], ...]:
        """The picture as pairs of name and value. No frame and no object of the program is held afterwards."""
        taken = current_places()
        this = sys._getframe()
        own = [ident for ident, stack in taken.items() for frame, _ in stack if frame is this]
        del this  # a frame that holds itself
        stacks = {ident: _program_only(stack) for ident, stack in taken.items()}
        held = {ident for ident, stack in taken.items() if stacks[ident] and _is_held(stack)}
        del taken
        known = names()
        natives = {ident: name.native for ident, name in known.items() if ident in stacks and name.native}
        natives.update(native_ids([ident for ident in stacks if ident not in natives], natives, own[0]))
        ours = [natives[ident] for ident, stack in stacks.items() if not stack and ident in natives]
        stacks = {ident: stack for ident, stack in stacks.items() if stack}
        threads = self._threads(stacks, known, natives, held)
        loops, tasks = self._tasks(stacks, natives)
        found = (
            ("threads", threads),
            ("greenlets", self._greenlets(known)),
            ("loops", loops),
            ("tasks", tasks),
        )
        rest = (("places", tuple(self._places)), ("problems", tuple(self._problems)), ("ours", tuple(ours)))
        return found + rest

    # ---- threads and greenlets ----

    def _threads(self, stacks: Any, known: Any, natives: dict[int, int], held: set[int]) -> tuple[Any, ...]:
        rows = []
        for ident, stack in stacks.items():
            native = natives.get(ident, 0)
            main = native == posix.getpid()
            name = known.get(ident)
            text = name.name if name else main_name() if main else ""
            rows.append((native, text, name is not None and name.daemon, main, ident in held, self._stack(stack)))
        return tuple(rows)

    def _greenlets(self, known: Any) -> tuple[Any, ...]:
        rows = []
        for greenlet in greenlets(self._pause)[:_MOST]:
            frame = greenlet.gr_frame
            if frame is None:  # not begun, ended, or running: then it is a thread's stack
                continue
            name = known.get(id(greenlet))
            text = name.name if name else ""
            rows.append((type_name(type(greenlet)), text, self._stack(_walk(frame))))
        return tuple(rows)

    # ---- asyncio ----

    def _tasks(self, stacks: dict[int, list[Place]], natives: dict[int, int]) -> tuple[Any, Any]:
        asyncio = Asyncio()
        if not asyncio.kinds:
            return (), ()
        try:
            running = loops_of({ident: [frame for frame, _ in stack] for ident, stack in stacks.items()})
        except AgentError as error:
            running = []
            self._problems[error.message] = None
        tasks = asyncio.tasks([loop for loop, _ in running], self._pause)
        if len(tasks) > _MOST:
            self._problems["%d tasks more are not shown" % (len(tasks) - _MOST)] = None
            del tasks[_MOST:]
        graph = Graph(asyncio, tasks, running, stacks, natives)
        rows = []
        for task in tasks:
            row, stack = graph.row(task)
            rows.append(row + (self._stack(stack),))
            self._breathe()
        self._problems.update(graph.problems)
        return graph.loops(), tuple(rows)

    # ---- stacks ----

    def _stack(self, stack: list[Place]) -> tuple[Any, ...]:
        """Rows for a stack, innermost first."""
        left_out = len(stack) - _INNERMOST - _OUTERMOST
        if left_out <= 0:
            return tuple([self._row(place) for place in stack])
        inner = [self._row(place) for place in stack[:_INNERMOST]]
        outer = [self._row(place) for place in stack[-_OUTERMOST:]]
        return tuple(inner + [(-1, left_out, ())] + outer)

    def _row(self, place: Place) -> tuple[int, int, tuple[tuple[str, str], ...]]:
        frame, (code, line) = place
        name = getattr(code, "co_qualname", code.co_name)  # from Python 3.11 on
        number = self._places.setdefault((code.co_filename, name), len(self._places))
        variables = self._locals(frame) if self._with_locals else ()
        self._breathe(1 + len(variables))
        return number, line or 0, variables

    def _locals(self, frame: FrameType) -> tuple[tuple[str, str], ...]:
        if self._shown > _ALL_LOCALS or time.monotonic() > self._deadline:
            self._problems["there are too many variables: only the first are shown"] = None
            return ()
        try:
            found = locals_of(frame)
        except AgentError as error:
            self._problems[error.message] = None
            return ()
        is_module = frame.f_code.co_name == "<module>"
        rows: list[tuple[str, str]] = []
        for name, value in found.items():
            if type(name) is str and not (is_module and _is_definition(name, value)):
                if len(rows) == _LOCALS:
                    rows.append(("...", "%d more" % (len(found) - _LOCALS)))
                    break
                rows.append((name, shown(value)))
        self._shown += len(rows)
        return tuple(rows)

    def _breathe(self, pieces: int = 1) -> None:
        """Give other threads their turn before the switch interval is over."""
        self._pieces += pieces
        if self._pieces >= _PIECES:
            self._pieces = 0
            self._pause(_BREATH)


def _program_only(stack: list[Place]) -> list[Place]:
    """Without what is ours: threads of the agent, and what our callbacks run on top of the program's frames."""
    ours = [at for at, (_, (code, _)) in enumerate(stack) if code.co_filename.startswith(_OWN)]
    return stack[ours[-1] + 1 :] if ours else stack


def _is_held(stack: list[Place]) -> bool:
    return any(code.co_filename.startswith(_DEBUGGER) for _, (code, _) in stack)


def _walk(frame: FrameType | None) -> list[Place]:
    """The frames of something suspended, innermost first."""
    found = []
    while frame is not None:
        found.append((frame, (frame.f_code, frame.f_lineno)))
        frame = frame.f_back
    return found


def _is_definition(name: str, value: Any) -> bool:
    """A name of a module that is no variable: imports, functions, classes, and what Python puts there."""
    return name.startswith("__") or type(value).__name__ in ("module", "function", "type", "builtin_function_or_method")


def take(importer: Any, with_locals: bool) -> tuple[tuple[str, Any], ...]:
    """The picture now. `importer` is the agent's."""
    never = importer.native(_thread, "allocate_lock", "allocate")()
    never.acquire()
    return Picture(lambda seconds: never.acquire(True, seconds), with_locals).take()
