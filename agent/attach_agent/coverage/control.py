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
        self._core = ""
        #: `_chosen` in the operator's words.
        self._label = ""
        self._program: tuple[str, ...] = ()
        #: What the operator who started has left for those who report.
        self.settings = ""
        self._started_at = 0.0

    def start(self, options: Pairs) -> Pairs:
        """Measure from now on, in every thread; returns `status`.

        `options` are pairs of ``source_dirs``, ``source_pkgs``, ``include``, ``omit``, ``pylib`` (see
        `Scope`), ``branch`` (arcs instead of lines), ``core`` (auto, monitoring, ctracer) and ``tracer`` (bytes, for
        the core ctracer). ``settings`` is a text of the operator's that is kept for the snapshots, ``label`` is what
        was chosen in the operator's words.

        Raises AgentError: coverage-running or coverage-options-differ with what differs, bad-option, core-unavailable,
        tracer-needed, or one of the collector's.
        """
        given = dict(options)
        tracer, core = given.pop("tracer", b""), given.pop("core", "auto")
        settings, label = given.pop("settings", ""), given.pop("label", "")
        chosen = _checked(given)
        branch = dict(chosen)["branch"]
        self._refuse_running(chosen, core, label)
        core = _core_for(core, branch)
        # lines are lines, but the arcs of two cores are not those that either of them would have recorded
        if self._recording is not None and (chosen != self._chosen or (branch and core != self._core)):
            raise AgentError("coverage-options-differ", self._difference(label))
        program = () if _is_bounded(chosen) else installed_program()
        recording = self._recording or Recording(_scope_of(chosen, program), branch)
        collector = self._new_collector(recording, core, tracer)
        collector.start()
        self._collector = collector
        self._recording = recording
        self._chosen, self._core, self._label = chosen, core, label
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
        page = self._recording.page(cursor)
        if self._collector is not None:
            self._collector.verify()
        if self._recording.spoiled:
            raise AgentError("greenlets-unnoticed", self._recording.spoiled)
        return page

    def status(self) -> Pairs:
        """What is measured: pairs of name and value, the scope's options among them."""
        measuring = self._collector is not None
        pairs: list[tuple[str, Any]] = [("measuring", measuring)]
        if measuring:
            pairs.append(("core", self._collector.core))
            pairs.append(("seconds", time.monotonic() - self._started_at))
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
                ("others", tuple(sorted(self._recording.others))),
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

    def _refuse_running(self, chosen: Pairs, core: str, label: str) -> None:
        if self._collector is None:
            return
        same = chosen == self._chosen and core in ("auto", self._core)
        raise AgentError("coverage-running", "" if same else self._difference(label))

    def _difference(self, label: str) -> str:
        return "was: %s; now: %s" % (self._label, label)

    def _new_collector(self, recording: Recording, core: str, tracer: bytes) -> Any:
        """The collector of that name, `_core_for`'s."""
        if core == "monitoring":
            from .monitoring import MonitoringCollector

            return MonitoringCollector(recording, self._pause)
        try:
            from .ctracer import TracerCollector
        except ImportError as error:
            raise AgentError("no-ctypes", "coverage.py's tracer needs _ctypes: %s" % error) from None

        return TracerCollector(recording, self._native, self._pause, tracer)


def _core_for(core: str, branch: bool) -> str:
    """The core to use: with ``auto`` the best for this version of Python and what is measured."""
    events = getattr(getattr(sys, "monitoring", None), "events", None)
    if branch:
        from .branches import is_known

        monitoring = hasattr(events, "BRANCH_LEFT") and is_known()
    else:
        monitoring = events is not None
    if core == "auto":
        return "monitoring" if monitoring else "ctracer"
    if core == "ctracer" or (core == "monitoring" and monitoring):
        return core
    version = "%d.%d" % sys.version_info[:2]
    what = "branches" if branch else "lines"
    raise AgentError("core-unavailable", "the core %s cannot measure %s of Python %s" % (core, what, version))


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
