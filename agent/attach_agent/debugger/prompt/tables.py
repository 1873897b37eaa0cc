"""bdb's tables of breakpoints, which belong to all debuggers of a process."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Tables:
    """bdb keeps its breakpoints in its class, for all debuggers of the process: ours are there only in the block."""

    def __init__(self, owner: type[Any]) -> None:
        self._owner = owner
        self._ours: tuple[Any, ...] = (1, {}, [None])
        self._theirs: tuple[Any, ...] = ()
        self._depth = 0

    # without a loop or a call of Python code, so that no other thread can come in between

    def __enter__(self) -> Tables:
        self._depth += 1
        if self._depth == 1:
            owner = self._owner
            self._theirs = owner.next, owner.bplist, owner.bpbynumber
            owner.next, owner.bplist, owner.bpbynumber = self._ours
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            owner = self._owner
            self._ours = owner.next, owner.bplist, owner.bpbynumber
            owner.next, owner.bplist, owner.bpbynumber = self._theirs

    def abandon(self) -> None:
        """The thread that is in the block is no more."""
        if self._depth:
            self._depth = 1
            self.__exit__()
