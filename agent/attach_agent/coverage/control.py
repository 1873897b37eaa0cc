"""What the operator can ask of coverage: start, stop, a snapshot in pages, the status."""

from __future__ import annotations

import _thread
import sys
import time

from ..errors import AgentError
from .program import installed_program, not_loaded
from .recording import Recording
from .scope import Scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Pairs = tuple[tuple[str, Any], ...]

#: Groups of files out of scope that `Coverage.status` names.
LEFT_OUT_SHOWN = 20

#: The options of `Coverage.start` that choose files, with what they are when not given.
_SCOPE_OPTIONS = (("source_dirs", ()), ("source_pkgs", ()), ("include", ()), ("omit", ()), ("pylib", False))

#: All that choose what is recorded.
_OPTIONS = (*_SCOPE_OPTIONS, ("branch", False))


class Coverage:
    """One measurement of this process. Its methods are called by one agent thread at a time.

    The data outlives `stop`, for snapshots: a start with the same options goes on adding to it, a start with
    other options is refused until it was discarded.
    """

    def __init__(self, native: Callable[..., Any]) -> None:
        """`native` finds C's own functions where a target has patched ``_thread`` (`boot.native`)."""
        self._native = native
        never = native(_thread, "allocate_lock", "allocate")()
        never.acquire()
        #: Sleeps that many seconds, whatever became of ``time.sleep``.
        self._pause = lambda seconds: never.acquire(True, seconds)
        self._collector: Any = None
        self._recording: Recording | None = None
        self._chosen: Pairs = ()
        self._program: tuple[str, ...] = ()
        #: What the operator who started has left for those who report.
        self.settings = ""
        self._started_at = 0.0

    def start(self, options: Pairs) -> Pairs:
        """Measure from now on, in every thread; returns `status`.

        `options` are pairs of ``source_dirs``, ``source_pkgs``, ``include``, ``omit``, ``pylib`` (see
        `Scope`), ``branch`` (arcs instead of lines), ``core`` (auto, monitoring, ctracer) and ``tracer`` (bytes, for
        the core ctracer). ``settings`` is a text of the operator's that is kept for the snapshots.

        Raises AgentError: coverage-running, coverage-options-differ, bad-option, core-unavailable, tracer-needed, or
        one of the collector's.
        """
        if self._collector is not None:
            raise AgentError("coverage-running", "coverage is being measured already")
        given = dict(options)
        tracer, core = given.pop("tracer", b""), given.pop("core", "auto")
        settings = given.pop("settings", "")
        chosen = _checked(given)
        if self._recording is not None and chosen != self._chosen:
            raise AgentError(
                "coverage-options-differ",
                "there is data that was measured with other options; one report cannot tell the two apart",
            )
        program = () if _is_bounded(chosen) else installed_program()
        recording = self._recording or Recording(_scope_of(chosen, program), dict(chosen)["branch"])
        collector = self._new_collector(recording, core, tracer)
        collector.start()
        self._collector = collector
        self._recording = recording
        self._chosen = chosen
        self._program = tuple(name for name, _ in program)
        self.settings = settings
        self._started_at = time.monotonic()
        return self.status()

    def stop(self, discard: bool) -> Pairs:
        """Stop measuring; nothing stays but the data, and not even that with `discard`. Returns `status`."""
        if self._collector is not None:
            self._collector.stop()
            self._collector = None
        if discard:
            self._recording = None
        return self.status()

    def page(self, cursor: int) -> tuple[int, tuple[tuple[str, bytes], ...]]:
        """One page of a snapshot and the cursor of the next, -1 at the end: see `Recording.page`."""
        if self._recording is None:
            return -1, ()
        collector = self._collector
        if collector is not None and cursor <= 0:
            collector.collect()
        return self._recording.page(cursor)

    def status(self) -> Pairs:
        """What is measured: pairs of name and value, the scope's options among them."""
        measuring = self._collector is not None
        pairs: list[tuple[str, Any]] = [("measuring", measuring)]
        if measuring:
            self._collector.collect()
            pairs.append(("core", self._collector.core))
            pairs.append(("seconds", time.monotonic() - self._started_at))
            pairs += self._collector.details()
        if self._recording is not None:
            files, lines = self._recording.totals()
            pairs += [
                ("files", files),
                ("lines", lines),
                ("scope", self._chosen),
                ("program", self._program),
                ("not_loaded", self._not_loaded()),
                ("left_out", self._recording.left_out(LEFT_OUT_SHOWN)),
                ("full", self._recording.is_full()),
            ]
        return tuple(pairs)

    def _not_loaded(self) -> tuple[str, ...]:
        chosen = dict(self._chosen)
        return not_loaded(chosen["source_pkgs"], chosen["source_dirs"])

    def holds_data(self) -> bool:
        """Is there anything that a snapshot would want, now or later?"""
        return self._recording is not None

    def close(self) -> None:
        """Stop and forget everything."""
        self.stop(discard=True)

    def _new_collector(self, recording: Recording, core: str, tracer: bytes) -> Any:
        """The collector of that name; with ``auto`` the best for this version of Python and what is measured."""
        best = "monitoring" if hasattr(sys, "monitoring") else "ctracer"
        core = best if core == "auto" else core
        if core == "probes" and recording.branch:
            raise AgentError("core-unavailable", "branches cannot be measured with the core probes")
        if core == "probes" and best == "ctracer":
            from .probes.collector import ProbesCollector

            return ProbesCollector(recording, self._native, self._pause, tracer)
        if core != best:
            version = "%d.%d" % sys.version_info[:2]
            raise AgentError("core-unavailable", "the core %s cannot be used with Python %s" % (core, version))
        if core == "monitoring":
            from .monitoring import MonitoringCollector

            return MonitoringCollector(recording, self._pause)
        from .ctracer import TracerCollector

        return TracerCollector(recording, self._native, self._pause, tracer)


def _checked(given: dict[str, Any]) -> Pairs:
    """What chooses what is recorded, with defaults, in a fixed order."""
    chosen = []
    for name, default in _OPTIONS:
        value = given.pop(name, default)
        if isinstance(default, bool):
            sound = isinstance(value, bool)
        else:
            sound = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        if not sound:
            raise AgentError("bad-option", "the option %s has a value of the wrong kind" % name)
        chosen.append((name, value))
    if given:
        raise AgentError("bad-option", "there is no option %s" % ", ".join(sorted(given)))
    return tuple(chosen)


def _is_bounded(chosen: Pairs) -> bool:
    """Does the operator say where what is measured ends?"""
    given = dict(chosen)
    return bool(given["source_dirs"] or given["source_pkgs"] or given["include"])


def _scope_of(chosen: Pairs, program: tuple[tuple[str, str], ...]) -> Scope:
    given = dict(chosen)
    try:
        return Scope(program=[place for _, place in program], **{name: given[name] for name, _ in _SCOPE_OPTIONS})
    except (ValueError, OverflowError, RecursionError) as error:
        raise AgentError("bad-option", "a pattern cannot be compiled: %s" % error) from None
