"""Files that plug-ins claim, as the C tracer is told of them (coverage/ctracer/tracer.c, CTracer_handle_call)."""

from __future__ import annotations

import _thread

from ...paths import resolved
from .plugins import INTERRUPTED, FileTracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from ..record.recording import Recording
    from .plugins import Plugins


class Claims:
    """Answers the tracers' questions about plug-ins' files, in the target's threads.

    `give_up` ends a thread's tracer, so that the thread comes to the collector's entry at its next event, which then
    calls `raise_pending`.
    """

    def __init__(self, plugins: Plugins, recording: Recording, give_up: Callable[[FrameType], None]) -> None:
        self._plugins = plugins
        self._recording = recording
        self._give_up = give_up
        #: The code that a thread runs with a tracer's call below it, by id.
        inside = (Claims.check_include, FileTracer.dynamic_source_filename, FileTracer.line_number_range)
        self.codes = frozenset(id(function.__code__) for function in inside)
        #: By thread: what a signal handler raised in a plug-in's code.
        self._pending: dict[int, BaseException] = {}

    def claim(self, filename: str, frame: FrameType, disposition: Callable[[str, bool], Any]) -> Any:
        """The disposition of a Python file that a plug-in measures, None if none does."""
        if not self._plugins.file_tracers or filename[:1] == "<":
            return None
        tracer = self._plugins.tracer_of(resolved(filename))
        if tracer is None:
            return None
        tracer.interrupted = self._interrupted
        claimed = disposition(filename, True)
        claimed.file_tracer = tracer
        if tracer.is_dynamic:
            claimed.has_dynamic_filename = True
        else:
            claimed.source_filename = tracer.source_name
            claimed.trace = self._recording.admits_claimed(tracer.source_name, frame.f_globals, tracer.plugin_name)
        return claimed

    def check_include(self, filename: str, frame: FrameType) -> bool:
        """Is this file, which a plug-in has named for the frame, to be measured? Asked once per name."""
        if filename == INTERRUPTED:
            self._give_up(frame)
            self.raise_pending()
        try:
            tracer = self._plugins.tracer_of(resolved(frame.f_code.co_filename))
            if tracer is None:
                return False
            return self._recording.admits_claimed(filename, frame.f_globals, tracer.plugin_name)
        except RecursionError:
            return False
        except BaseException:
            self._give_up(frame)
            raise

    def raise_pending(self) -> None:
        """Raise what is meant for the code of this thread, if there is something."""
        if self._pending:
            pending = self._pending.pop(_thread.get_ident(), None)
            if pending is not None:
                raise pending

    def _interrupted(self, frame: FrameType, error: BaseException) -> None:
        self._pending[_thread.get_ident()] = error
        self._give_up(frame)
