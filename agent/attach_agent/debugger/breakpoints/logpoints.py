"""Texts that are printed where a thread comes by."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


class Logpoint:
    def __init__(self, text: str, max_hits: int, rate: float) -> None:
        self._text = text

    def line(self, frame: FrameType) -> str | None:
        return self._text
