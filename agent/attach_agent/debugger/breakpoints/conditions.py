"""Conditions of breakpoints, evaluated where the program stands."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType


class Conditions:
    """`note` gets a line of text once for each expression that fails.

    In the program's threads nothing is imported, and nothing is thrown but what a signal handler of the program has
    raised there.
    """

    def __init__(self, note: Callable[[str], object]) -> None:
        self._note = note
        self._compiled: dict[str, CodeType] = {}
        self._reported: set[str] = set()

    def evaluate(self, expression: str, frame: FrameType) -> bool:
        """Is it true in this frame? If it cannot be said, it is not."""
        try:
            code = self._compiled.get(expression)
            if code is None:
                code = self._compiled[expression] = compile(expression.strip(), "<condition>", "eval", 0, True)
            return bool(eval(code, frame.f_globals, frame.f_locals))
        except Exception as error:
            if expression not in self._reported:
                self._reported.add(expression)
                self._note("condition %s is false here: %s" % (expression, shown_error(error)))
            return False


def shown_error(error: BaseException) -> str:
    """Its class and its text, whatever that raises."""
    try:
        text = str(error)
    except Exception as problem:
        text = "<its text raised %s>" % type(problem).__name__
    return "%s: %s" % (type(error).__name__, text) if text else type(error).__name__
