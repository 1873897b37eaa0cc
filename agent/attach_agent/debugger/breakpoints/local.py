"""The trace function of one frame, before Python 3.12."""

from __future__ import annotations

from ...coverage.tracer.neighbours import is_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from .tracing import TracingEngine

#: Where the code of the debugger is.
_OWN = __file__.rpartition("breakpoints/")[0]


class Local:
    """Traces one frame: `inner` is what would without us, and `inner_lines` whether that wants lines."""

    __slots__ = ("engine", "inner", "inner_lines", "known", "lines")

    def __init__(self, engine: TracingEngine, frame: FrameType, inner: Any, lines: frozenset[int]) -> None:
        self.engine = engine
        self.inner = inner
        self.inner_lines = frame.f_trace_lines
        self.known = engine.armed.by_code
        self.lines = lines
        frame.f_trace_lines = bool(lines) or (inner is not None and self.inner_lines)

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        inner = self.inner
        if inner is not None and (self.inner_lines or event != "line"):
            result = inner(frame, event, arg)
            if result is not None:
                self.inner = result
        engine = self.engine
        if engine.closed:
            clear(frame)
            return self.inner
        try:
            if event == "line":
                if self.known is not engine.armed.by_code:
                    self.known = engine.armed.by_code
                    self.lines = engine.armed.lines_of(frame.f_code)
                if frame.f_lineno in self.lines:
                    return engine.on_line(frame, event, arg)
            elif event == "exception" and engine.raised is not None:
                engine.raised(frame, arg[1], arg[2])
        except RecursionError:
            pass
        return self


def clear(frame: FrameType) -> None:
    local = frame.f_trace
    if type(local) is Local:
        frame.f_trace = None if is_over(local.inner) else local.inner
        frame.f_trace_lines = local.inner_lines


def is_of_debugger(item: Any) -> bool:
    """Is this trace function the debugger's own?"""
    if type(item).__name__ == "method":
        item = item.__func__
    if type(item) is type(is_of_debugger):
        return bool(item.__code__.co_filename.startswith(_OWN))
    return type(item) is Local
