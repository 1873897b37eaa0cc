"""How far a long report is, as a bar on stderr."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import click

from attach_cli import console

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

#: What takes no longer than this needs no bar.
_PATIENCE = 1.0


class Bar:
    """What `attach.report.write` calls: a bar for each phase, from the second second on.

    On a terminal only, and not with -q; the terminal's cursor comes back, whatever happens.
    """

    def __init__(self) -> None:
        self._shown = console.can_write_over() and not console.quiet()
        self._began = time.monotonic()
        self._phase = ""
        self._bar: ProgressBar[Any] | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """`done` of `total` are done of this phase; of 0 where nobody knows."""
        if phase != self._phase:
            self._open.close()
            self._phase, self._bar = phase, None
            if not total:
                console.say(f"{phase} ...")
        if not self._shown or not total or time.monotonic() - self._began < _PATIENCE:
            return
        if self._bar is None:
            self._bar = self._open.enter_context(
                click.progressbar(length=total, label=phase, file=sys.stderr, width=0, color=console.color())
            )
        self._bar.update(done - self._bar.pos)
