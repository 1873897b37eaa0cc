"""The breakpoints of a session, as pdb's commands know them and as they are armed in the program's code."""

from __future__ import annotations

import sys

from ..errors import AgentError
from .breakpoints import Breakpoints
from .breakpoints.conditions import Conditions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from .session import Session


class Points:
    """pdb's tables are the truth; `engine` has armed what is in them."""

    def __init__(self, session: Session, engine: Breakpoints) -> None:
        self._session = session
        self._engine = engine
        self._conditions = Conditions(session.note)
        self._armed: set[tuple[str, int]] = set()
        engine.on_function = self.function_armed

    def all(self) -> tuple[tuple[str, int], ...]:
        """File and line of each."""
        return tuple(sorted(self._armed))

    def add(self, filename: str, line: int, condition: str, hits: int, once: bool) -> None:
        """One of the operator's options; AgentError if it cannot be."""
        filename, line = self._engine.place(filename, line)
        line = self.first_line(filename, line)
        self._engine.arm(filename, line)
        self._add(filename, line, condition, hits, once)

    def add_function(self, text: str) -> None:
        module, _, qualname = text.partition(":")
        place = self._engine.arm_function(module, qualname)
        if place is not None:
            self.function_armed(*place)
        else:
            self._session.note("module %s is not there yet: %s stops when it is called" % (module, text))

    def function_armed(self, filename: str, line: int) -> None:
        self._add(filename, line, "", 0, False)

    def _add(self, filename: str, line: int, condition: str, hits: int, once: bool) -> None:
        """Into pdb's tables, so that its commands know it."""
        self._armed.add((self._session.pdb.canonic(filename), line))
        with self._session.pdb.tables:
            breakpoint = self._session.pdb.add_breakpoint(filename, line, once, condition or None)
            breakpoint.ignore = max(hits - 1, 0)
        self._session.note("breakpoint %d at %s:%d" % (breakpoint.number, filename, line))

    def arm(self, filename: str, line: int) -> str:
        """Returns why not, if it cannot be."""
        try:
            self._engine.arm(filename, line)
        except AgentError as error:
            return error.message
        self._armed.add((self._session.pdb.canonic(filename), line))
        return ""

    def first_line(self, filename: str, line: int) -> int:
        """Of the function whose definition begins there, the first line of its body; else the line itself."""
        return int(self._engine.first_line(filename, line))

    def disarm_all_but(self, wanted: set[tuple[str, int]]) -> None:
        for filename, line in self._armed - wanted:
            self._armed.discard((filename, line))
            self._engine.disarm(filename, line)

    def will_tell(self, frame: FrameType, event: str) -> bool:
        """Whether an armed breakpoint is about to tell of this line too."""
        return event == "line" and sys.version_info >= (3, 12) and bool(self._armed) and self._key(frame) in self._armed

    def _key(self, frame: FrameType) -> tuple[str, int]:
        """What this line is called in pdb's tables, and in `_armed`."""
        return self._session.pdb.canonic(self._engine.armed_as(frame.f_code.co_filename)), frame.f_lineno or 0

    def effective(self, frame: FrameType) -> Any:
        """The breakpoint that says this line is to stop at, as bdb.effective; a condition that fails is false."""
        with self._session.pdb.tables:
            key = self._key(frame)
            tables = self._session.modules["bdb"].Breakpoint.bplist
            for breakpoint in list(tables.get(key, ())):
                if not breakpoint.enabled:
                    continue
                if breakpoint.cond and not self._conditions.evaluate(breakpoint.cond, frame):
                    continue
                breakpoint.hits += 1
                if breakpoint.ignore > 0:
                    breakpoint.ignore -= 1
                    continue
                return breakpoint
        return None
