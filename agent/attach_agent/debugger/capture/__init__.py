"""What the stopped thread prints, and what it reads."""

from __future__ import annotations

from ...streams import Ownership, StandIns, own_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


class Capture:
    def __init__(self, importer: Any, ident: Callable[[], int], put: Callable[[int, bytes], None], stdin: Any) -> None:
        self._stand_ins = StandIns(ident, importer.alone("attach_agent.stand_in"))
        self._ident, self._put, self._stdin = ident, put, stdin

    def open(self) -> None:
        self._stand_ins.place()

    def suspend(self, _frame: FrameType) -> None:
        own = own_streams(self._put, Ownership(self._ident), self._stand_ins.originals())
        self._stand_ins.enter(dict(own, stdin=self._stdin))

    def resume(self, stepping: bool) -> None:
        self._stand_ins.leave()

    def close(self) -> None:
        self._stand_ins.remove()
