"""The C tracer for frames that run code without probes: those that were there before us, as long as they tell more."""

from __future__ import annotations

import _thread
import sys

from ...stacks import current_stacks
from ..tracer.collector import TracerCollector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


class OldFrames(TracerCollector):
    """Traces all threads while `everywhere`, else those that have a frame on their stack that `has_unseen` lines."""

    def __init__(self, has_unseen: Callable[[FrameType], bool], *arguments: Any) -> None:
        """`arguments` are those of `TracerCollector`."""
        super().__init__(*arguments)
        self.everywhere = True
        self._has_unseen = has_unseen
        self._thread_tracers: dict[int, Any] = {}
        self._callback_codes |= {id(TracerCollector._enter.__code__), id(self._is_old.__code__)}

    def _enter(self, frame: FrameType, event: str, arg: Any) -> None:
        ours = sys.gettrace() is self._entry  # else another tool has come to this thread, which the tracer sees to
        if ours and not self.everywhere and not self._stopping and not self._is_old(frame):
            sys.settrace(None)
            return
        super()._enter(frame, event, arg)

    def _is_old(self, frame: FrameType | None) -> bool:
        """Has this frame, or one below it, to be traced?"""
        while frame is not None:
            if self._has_unseen(frame):
                return True
            frame = frame.f_back
        return False

    def _new_tracer(self) -> Any:
        tracer = self._thread_tracers[_thread.get_ident()] = super()._new_tracer()
        return tracer

    def needed(self) -> bool:
        """Has any thread to be traced? Those that have not are released, unless `everywhere`."""
        needed = False
        stacks = current_stacks()
        for ident in list(self._thread_tracers):
            if ident not in stacks:
                del self._thread_tracers[ident]
        for ident, stack in stacks.items():
            if any(map(self._has_unseen, stack)):
                needed = True
            elif not self.everywhere:
                self._release(ident, stack)
        return needed or self.everywhere

    def resume(self) -> None:
        """Reach threads that were released; those that need not be traced leave at once."""
        self._reach_threads()

    def _release(self, ident: int, stack: list[FrameType]) -> None:
        tracer = self._thread_tracers.pop(ident, None)
        if tracer is None:
            return
        self._threads.remove([tracer])
        for frame in stack:
            if frame.f_trace is tracer or frame.f_trace is self._entry:
                frame.f_trace = None
                frame.f_trace_lines = True  # see `frames`
