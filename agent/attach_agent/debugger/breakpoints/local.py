"""The trace functions of frames with an armed line, before Python 3.12."""

from __future__ import annotations

from ...neighbours import is_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from .entries import Entries

#: Where the code of the debugger is.
_OWN = __file__.rpartition("breakpoints/")[0]


class Local:
    """Traces one frame: `inner` is what would without us, and `inner_lines` whether that wants lines."""

    __slots__ = ("entries", "inner", "inner_lines", "known", "lines")

    def __init__(self, entries: Entries, frame: FrameType, inner: Any, lines: frozenset[int]) -> None:
        self.entries = entries
        self.inner = inner
        self.inner_lines = frame.f_trace_lines
        self.known = entries.armed.by_code
        self.lines = lines
        frame.f_trace_lines = bool(lines) or (inner is not None and self.inner_lines)

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        inner = self.inner
        if inner is not None and (self.inner_lines or event != "line"):
            result = inner(frame, event, arg)
            if result is not None:
                self.inner = result
        entries = self.entries
        if entries.closed:
            clear(frame)
            return self.inner
        try:
            if event == "line":
                if self.known is not entries.armed.by_code:
                    self.known = entries.armed.by_code
                    self.lines = entries.armed.lines_of(frame.f_code)
                if frame.f_lineno in self.lines:
                    return entries.on_line(frame, event, arg)
            elif event == "exception" and entries.raised is not None:
                entries.raised(frame, arg[1], arg[2])
        except RecursionError:
            pass
        return self


def plain(entries: Entries, lines: frozenset[int]) -> Any:
    """As a `Local` of frames that nothing else traces, for code with these lines, and quick: called at each line."""
    armed = entries.armed
    known = armed.by_code

    def local(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_lineno in lines or armed.by_code is not known:
            return reached(frame, event, arg)
        return local

    def reached(frame: FrameType, event: str, arg: Any) -> Any:
        try:
            if entries.closed:
                frame.f_trace = None
                return None
            if armed.by_code is not known:  # something has changed since
                other = Local(entries, frame, None, armed.lines_of(frame.f_code))
                return other(frame, event, arg)
            if event == "line":
                return entries.on_line(frame, event, arg)
        except RecursionError:
            pass
        return local

    return local


_PLAIN = next(item for item in plain.__code__.co_consts if getattr(item, "co_name", "") == "local")


def is_plain(item: Any) -> bool:
    return type(item) is type(plain) and item.__code__ is _PLAIN


def clear(frame: FrameType) -> None:
    """Let the frame be traced as it would be without us."""
    local = frame.f_trace
    if type(local) is Local:
        frame.f_trace = None if is_over(local.inner) else local.inner
        frame.f_trace_lines = local.inner_lines
    elif is_plain(local):
        frame.f_trace = None


def is_of_debugger(item: Any) -> bool:
    """Is this trace function the debugger's own?"""
    if type(item).__name__ == "method":
        item = item.__func__
    if type(item) is type(is_of_debugger):
        return bool(item.__code__.co_filename.startswith(_OWN))
    return type(item) is Local
