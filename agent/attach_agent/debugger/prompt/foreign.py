"""In a stopped thread: tells what a signal handler of the program has raised from what the operator's code has."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any


class OperatorInterrupt(KeyboardInterrupt):
    """What Ctrl-C of the operator raises in what the operator evaluates; shown as what it is derived from."""


OperatorInterrupt.__name__ = OperatorInterrupt.__qualname__ = "KeyboardInterrupt"
OperatorInterrupt.__module__ = "builtins"


def is_of_program(error: BaseException | None) -> bool:
    """Whether a function that handles a signal is in its traceback.

    One that the operator has called is taken for that, too: a server that is told to end ends.
    """
    traceback = error.__traceback__ if error is not None else None
    codes = _handlers() if traceback is not None else set()
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False


def _handlers() -> set[CodeType]:
    """The code of those that are written in Python."""
    signal: Any = sys.modules.get("_signal")
    found = set()
    for number in range(1, getattr(signal, "NSIG", 0)):
        handler = signal.getsignal(number)
        if handler is None or isinstance(handler, int):  # not Python's, default or ignored
            continue
        while hasattr(handler, "func"):  # functools.partial
            handler = handler.func
        for candidate in (handler, type(handler).__dict__.get("__call__")):
            code = getattr(getattr(candidate, "__func__", candidate), "__code__", None)
            if code is not None:
                found.add(code)
    return found
