"""Stops a thread that already runs, at the next line that it runs."""

from __future__ import annotations

import _thread
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

_TOOL = 4


class Stopping:
    """One request at a time, by events of the lines of the thread's stack; Python 3.12 and later."""

    def __init__(self, importer: Any, pause: Callable[[float], object]) -> None:
        self._ident = importer.native(_thread, "get_ident", "get_native_id")
        self._codes: list[CodeType] = []

    def request(self, ident: int, on_stop: Callable[[FrameType, str, Any], Any]) -> str:
        """Have the thread call `on_stop` before its next line; why not, or ""."""
        if sys.version_info < (3, 12):
            return "not before Python 3.12"
        monitoring: Any = getattr(sys, "monitoring")  # noqa: B009  (unknown to type checkers before 3.12)

        def on_line(_code: CodeType, _line: int) -> None:
            if self._ident() == ident:
                self.revoke()
                on_stop(sys._getframe(1), "line", None)

        monitoring.use_tool_id(_TOOL, "live-attach")
        monitoring.register_callback(_TOOL, monitoring.events.LINE, on_line)
        frame: FrameType | None = sys._current_frames()[ident]
        while frame is not None:
            self._codes.append(frame.f_code)
            frame = frame.f_back
        for code in self._codes:
            monitoring.set_local_events(_TOOL, code, monitoring.events.LINE)
        monitoring.restart_events()
        return ""

    def revoke(self) -> bool:
        """Whether there was a request that has not come to its end."""
        codes, self._codes = self._codes, []
        if codes:
            monitoring: Any = getattr(sys, "monitoring")  # noqa: B009
            for code in codes:
                monitoring.set_local_events(_TOOL, code, 0)
            monitoring.register_callback(_TOOL, monitoring.events.LINE, None)
            monitoring.free_tool_id(_TOOL)
        return bool(codes)

    def close(self) -> None:
        self.revoke()
