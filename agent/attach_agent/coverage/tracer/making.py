"""The tracers of one measurement: one for each thread, all alike."""

from __future__ import annotations

import sys

from ...neighbours import ended
from ...wire import arc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..record.recording import Recording
    from .library import Types

#: File names, those out of scope among them, that the tracers may remember; then they ask again.
MAX_CACHED = 100_000


class Tracers:
    """Makes tracers that record into `recording`, and keeps them.

    They must outlive what they trace: a started tracer that goes away stops the tracing of whatever thread it goes away
    in. `should_trace` and `check_include` answer them, as in coverage.py, with dispositions of ours.
    """

    def __init__(
        self, types: Types, recording: Recording, should_trace: Callable[..., Any], check_include: Callable[..., Any]
    ) -> None:
        self._make_tracer, self._make_disposition = types
        #: By id, for those who must find out at the limit of recursion, where no function can be called.
        self.by_id: dict[int, Any] = {}
        self._prune_at = 100
        #: Answers of `should_trace`, shared by all tracers.
        self._dispositions: dict[str, Any] = {}
        #: The answer for a file that is not measured.
        self.left_out = self.disposition("", False)
        # The tracer adds a set to `data` where there is none, a race between threads that it locks against.
        # But `should_trace` has made the set before, so there is nothing to lock. What is called instead must not fail
        # at the limit of recursion, or the tracer takes the caller's lines for the callee's from then on, as it does
        # under coverage.py. From 3.9 on a call of a type does not count (vectorcall), in 3.8 there is no such callable.
        no_lock: Any = tuple if sys.version_info >= (3, 9) else [].clear
        #: What all tracers have in common (coverage/collector.py, Collector._start_tracer).
        self._settings: tuple[tuple[str, Any], ...] = (
            ("data", recording.by_code_name),
            ("should_trace", should_trace),
            ("should_trace_cache", self._dispositions),
            ("trace_arcs", recording.branch),
            ("lock_data", no_lock),
            ("unlock_data", no_lock),
            ("file_tracers", {}),
            ("check_include", check_include),
            # for concurrency libraries and dynamic contexts; our file tracers do not fail
            ("concur_id_func", None),
            ("disable_plugin", None),
            ("should_start_context", None),
            ("switch_context", None),
            ("warn", None),
        )

    def new(self) -> Any:
        tracer = self._make_tracer()
        for name, value in self._settings:
            setattr(tracer, name, value)
        self.by_id[id(tracer)] = tracer
        return tracer

    def disposition(self, filename: str, trace: bool) -> Any:
        """The answer about a file."""
        disposition = self._make_disposition()
        disposition.original_filename = disposition.canonical_filename = disposition.source_filename = filename
        disposition.trace = trace
        disposition.reason = ""
        disposition.file_tracer = None
        disposition.has_dynamic_filename = False
        return disposition

    def forget(self, filename: str) -> None:
        """Have `should_trace` asked once more about this file."""
        self._dispositions.pop(filename, None)

    def pack_narrowly(self) -> bool:
        """See `Recording.narrow_arcs`. Nothing tells a tracer's version, so it is shown a line to record."""
        name = "<live-attach>"
        recorded: set[int] = set()
        own = {"data": {name: recorded}, "should_trace_cache": {name: self.disposition(name, True)}, "trace_arcs": True}
        tracer = self._make_tracer()
        for attribute, value in self._settings:
            setattr(tracer, attribute, own.get(attribute, value))
        tracer.start()
        try:
            exec(compile("0", name, "exec"), {})
        finally:
            sys.settrace(None)
            tracer.stop()
        return arc(1, -1) not in recorded

    def tidy(self) -> None:
        """Let go of tracers whose threads have ended, and of more answers than anybody needs."""
        if len(self._dispositions) > MAX_CACHED:
            self._dispositions.clear()
        if len(self.by_id) >= self._prune_at:
            for key in list(self.by_id):
                # its thread has ended and no frame refers to it
                if _references(self.by_id, key) == _ALONE:
                    self.by_id.pop(key).stop()
            self._prune_at = max(100, 2 * len(self.by_id))

    def stop(self) -> None:
        """Have each do nothing more, should it be called."""
        for tracer in list(self.by_id.values()):
            tracer.stop()
            tracer.warn = ended

    def clear(self) -> None:
        """Let go of all of them."""
        self.by_id.clear()


def _references(items: dict[int, Any], key: int) -> int:
    return sys.getrefcount(items[key])


#: What `_references` counts of an object that only the dictionary refers to; versions differ in what a call adds.
_ALONE = _references({0: object()}, 0)
