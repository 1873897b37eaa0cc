"""Conditions of breakpoints."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class Conditions:
    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def evaluate(self, expression: str, frame: FrameType) -> bool:
        """A condition that fails is false."""
        try:
            return bool(eval(expression, frame.f_globals, frame.f_locals))
        except Exception as error:
            self._note("%s: %s" % (expression, error))
            return False
