"""``sys.displayhook`` while a shell is open: what a shell's statements evaluate to is shown there, and nowhere else."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Display:
    """One for all shells. `ident` is the thread that runs, or for which it runs."""

    def __init__(self, ident: Callable[[], int]) -> None:
        #: thread -> (its namespace, whether that is a module's)
        self._shells: dict[int, tuple[dict[str, Any], bool]] = {}
        self._last: dict[int, Any] = {}
        self._before: Any = None
        shells, last = self._shells, self._last

        def show(value: object) -> None:
            shell = shells.get(ident())
            if shell is None:
                self._before(value)
            elif value is not None:
                namespace, borrowed = shell
                sys.stdout.write("%r\n" % (value,))
                # another's "_" is often gettext's
                if not borrowed or "_" not in namespace or namespace["_"] is last.get(ident()):
                    namespace["_"] = last[ident()] = value

        self._show = show

    def place(self) -> None:
        if sys.displayhook is not self._show:
            self._before, sys.displayhook = sys.displayhook, self._show

    def remove(self) -> None:
        """If nobody else has put another one in its place."""
        if sys.displayhook is self._show:
            sys.displayhook = self._before

    def enter(self, ident: int, namespace: dict[str, Any], borrowed: bool) -> None:
        self._shells[ident] = namespace, borrowed

    def leave(self, ident: int) -> None:
        namespace, borrowed = self._shells.pop(ident, ({}, False))
        if ident in self._last:
            last = self._last.pop(ident)
            if borrowed and namespace.get("_") is last:
                del namespace["_"]
