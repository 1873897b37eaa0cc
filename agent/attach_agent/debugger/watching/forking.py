"""Notices fork(2) in the child, at once."""

from __future__ import annotations

import _contextvars
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class ForkGuard:
    """Calls `in_child` in a child that this process forks, before anything of the program runs there.

    ``os.register_at_fork`` has no way back. But what a thread's context holds is freed in the child, where that
    thread does not exist (PyOS_AfterFork_Child, which deletes the states of all other threads). So this is to be put
    into the context of a thread of ours, which does nothing else with it: `watch`, called in that thread.
    """

    def __init__(self, in_child: Callable[[], object]) -> None:
        self._in_child = in_child
        self._pid = posix.getpid()

    def __del__(self) -> None:
        if posix.getpid() != self._pid:
            try:
                self._in_child()
            except BaseException:  # there is nobody to tell, and the child serves
                pass


def watch(in_child: Callable[[], object]) -> None:
    """From now until this thread ends; the caller keeps no reference to what `in_child` is."""
    _contextvars.ContextVar("live-attach").set(ForkGuard(in_child))  # type: ignore[arg-type]
