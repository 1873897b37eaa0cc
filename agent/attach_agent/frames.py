"""What measuring needs of frames, and what tracing leaves in them."""

from __future__ import annotations

import sys

from .stacks import current_stacks, greenlets, heap_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType
    from typing import Any


def refresh_line_numbers(pause: Callable[[float], object]) -> None:
    """Bring the line numbers of suspended frames up to date, so that they are right when the C tracer resumes them.

    Before Python 3.10 ``f_lineno`` is right only while a frame is traced, and the C tracer takes it to be right in any
    frame that it enters. Setting ``f_trace`` makes it so (Objects/frameobject.c, frame_settrace).
    """
    if sys.version_info < (3, 10):
        for frame in _frames_on_heap(pause):
            if frame.f_trace is None:
                frame.f_trace = None


def clear_running(is_mine: Callable[[Any], bool]) -> None:
    """Set ``f_trace`` to None in each frame of each stack where `is_mine` recognises it.

    A tracer leaves itself in each frame it has seen. There a stopped C tracer is a trap: called in a thread that a
    debugger traces by then, it switches that thread's tracing off. No thread may be traced by us any more.
    """
    for stack in current_stacks().values():
        for frame in stack:
            _clear(frame, is_mine)


def clear_suspended(is_mine: Callable[[Any], bool], pause: Callable[[float], object]) -> None:
    """The same for the frames of generators and coroutines, and for those that something else keeps."""
    for frame in _frames_on_heap(pause):
        _clear(frame, is_mine)
    # before they end, the garbage collector of Python 3.11 does not know the frames of greenlets
    for greenlet in greenlets(pause):
        suspended: FrameType | None = greenlet.gr_frame
        while suspended is not None:
            _clear(suspended, is_mine)
            suspended = suspended.f_back


def _clear(frame: FrameType, is_mine: Callable[[Any], bool]) -> None:
    if frame.f_trace is not None and is_mine(frame.f_trace):
        frame.f_trace = None
        # coverage.py before 7.11 switches the line events of frames off that it does not measure
        frame.f_trace_lines = True


def suspended_code(pause: Callable[[float], object]) -> Iterator[tuple[CodeType, dict[str, Any]]]:
    """Code and globals of generators and coroutines, each code object once."""
    kinds = suspended_kinds()
    seen: set[int] = set()
    for item in heap_of(kinds, pause):
        code = getattr(item, kinds[type(item)] + "code")
        if id(code) not in seen:
            frame = getattr(item, kinds[type(item)] + "frame")
            if frame is not None:
                seen.add(id(code))
                yield code, frame.f_globals


def suspended_kinds() -> dict[type[Any], str]:
    """The types of generators and coroutines, and how the names of their attributes begin."""

    def generator() -> Any:
        yield

    async def coroutine() -> None:
        pass

    async def asynchronous_generator() -> Any:
        yield

    coroutine_object = coroutine()
    coroutine_object.close()
    return {type(generator()): "gi_", type(coroutine_object): "cr_", type(asynchronous_generator()): "ag_"}


def _frames_on_heap(pause: Callable[[float], object]) -> Iterator[FrameType]:
    """The frames of all generators and coroutines, and those that something else keeps."""
    kinds = suspended_kinds()
    kinds[type(sys._getframe())] = ""
    for item in heap_of(kinds, pause):
        kind = kinds[type(item)]
        frame = getattr(item, kind + "frame") if kind else item
        if frame is not None:
            yield frame
