"""One request to stop a thread: it is fired, or revoked, and never both."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

_FIRED, _REVOKED = "fired", "revoked"

#: Calls that a prompt may need on the stack of the thread. One that has less room is stopped where it has more.
ROOM = 60

#: Files whose lines nobody wants to stop at: ours, and the import system, whose locks every thread may need.
_PASSED_BY = ("<live-attach>", "<frozen importlib")


class Request:
    """Fired in the thread that is meant, or revoked in another: whoever comes first.

    Each request is an object of its own, and its callbacks know no other: a late event of an old one does nothing.
    """

    def __init__(self, ident: int, on_stop: Callable[[FrameType, str, Any], Any]) -> None:
        #: The thread's, as CPython knows it.
        self.ident = ident
        #: One item until it is fired or revoked: what C iterators of an engine have to find to change anything.
        self.open = [None]
        self._on_stop = on_stop
        #: Who wanted it, the first one has it. To append is one step, whichever threads do.
        self._claims: list[list[str]] = []

    def fire(self) -> bool:
        """In the thread that is meant: True if it has to stop now."""
        return self._claim([_FIRED])

    def revoke(self) -> bool:
        """True if it is the caller's to take everything away."""
        return self._claim([_REVOKED])

    def was_fired(self) -> bool:
        return self._claims[:1] == [[_FIRED]]

    def _claim(self, claim: list[str]) -> bool:
        self._claims.append(claim)
        if self._claims[0] is not claim:
            return False
        self.open.clear()
        return True

    def call(self, frame: FrameType) -> Any:
        """What `on_stop` returns."""
        return self._on_stop(frame, "line", None)


def woken(_signal, _frame):
    # type: (int, object) -> None
    """A signal handler that does nothing: the thread is stopped as it enters this, for who called it."""
    return


CODE = woken.__code__


def is_passed_by(filename: str) -> bool:
    """Is this the file of code in which no thread is stopped?"""
    return filename.startswith(_PASSED_BY)


def has_room(calls: int = ROOM) -> bool:
    """Has the stack of this thread room for a prompt?"""
    try:
        return calls == 0 or has_room(calls - 1)
    except RecursionError:
        return False
