"""What the operator can ask of coverage: start, stop, a snapshot, forgetting, the status."""

from __future__ import annotations

import _thread
import time

from ..errors import AgentError
from .options import checked, checked_plugins, core_for, is_bounded, scope_of
from .program import installed_program, not_loaded, places
from .record.periods import History
from .record.recording import Recording
from .tracer.plugins import Plugins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .record.periods import Part, View
    from .record.saving import Saver
    from .tracer.plugins import Wanted

    Pairs = tuple[tuple[str, Any], ...]

#: Groups of files out of scope that `Coverage.status` names.
LEFT_OUT_SHOWN = 20


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
        self._history: History | None = None
        self._saver: Saver | None = None
        self._chosen: Pairs = ()
        self._wanted: Wanted = ()
        self._plugins = Plugins(())
        self._core = ""
        #: `_chosen` in the operator's words.
        self._label = ""
        self._program: tuple[str, ...] = ()
        #: What the operator who started has left for those who report.
        self.settings = ""
        self._started_at = 0.0

    @property
    def _collector(self) -> Any:
        """The one at work, or None."""
        return None if self._history is None else self._history.collector

    def start(self, options: Pairs) -> Pairs:
        """Measure from now on, in every thread; returns `status`.

        `options` are pairs of ``source_dirs``, ``source_pkgs``, ``include``, ``omit``, ``pylib`` (see
        `Scope`), ``branch`` (arcs instead of lines), ``core`` (auto, monitoring, ctracer, probes) and ``tracer``
        (bytes, for the last two). ``settings`` is a text of the operator's that is kept for the snapshots, ``label``
        is what was chosen in the operator's words, ``plugins`` are modules with their options, see `Plugins`.
        ``context`` labels what runs from now on, ``usual_context`` does if that is empty; ``every`` (seconds; 0: not)
        and ``data_file`` are for a `Saver`. While it is measured already, label and saver may be given anew, with the
        same options, or with ``unscoped``, which stands for them.

        Raises AgentError: coverage-running or coverage-options-differ with what differs, bad-option, core-unavailable,
        tracer-needed, or one of the collector's, of `Saver` or `History.relabel`.
        """
        given = dict(options)
        tracer, core = given.pop("tracer", b""), given.pop("core", "auto")
        settings, label = given.pop("settings", ""), given.pop("label", "")
        context, usual_context = given.pop("context", ""), given.pop("usual_context", "")
        every, data_file, unscoped = given.pop("every", 0.0), given.pop("data_file", ""), given.pop("unscoped", False)
        wanted = checked_plugins(given.pop("plugins", ()))
        chosen = checked(given)
        if self.is_measuring() and (context or every):
            if not unscoped:
                self._refuse_others(chosen, core, label)
            return self._adjust(context, data_file, every)
        branch = dict(chosen)["branch"]
        self._refuse_running(chosen, core, label)
        if wanted != self._wanted:
            self._wanted, self._plugins = wanted, Plugins(wanted)
        core = core_for(core, branch, bool(self._plugins.file_tracers))
        # lines are lines, but the arcs of two cores are not those that either of them would have recorded
        if self._history is not None and (chosen != self._chosen or (branch and core != self._core)):
            raise AgentError("coverage-options-differ", self._difference(label))
        program = () if is_bounded(chosen) else installed_program()
        history = self._history or History(Recording(scope_of(chosen, program), branch), self._pause)
        saver = self._start_saver(history, data_file, every) if every else None
        try:
            history.relabel(context or usual_context)
            collector = self._new_collector(history.recording, core, tracer)
            collector.start()
        except BaseException:
            if saver is not None:
                saver.stop()
            raise
        history.collector = collector
        self._history = history
        self._saver = saver
        self._chosen, self._core, self._label = chosen, core, label
        self._program = tuple(name for name, _ in program)
        self.settings = settings
        self._started_at = time.monotonic()
        return self.status()

    def stop(self, discard: bool) -> Pairs:
        """Stop measuring; nothing stays but the data, and not even that with `discard`. Returns `status`."""
        if self._history is not None and self._history.collector is not None:
            self._history.collector.stop()
            self._history.collector = None
        if self._saver is not None:
            self._saver.stop()
        if discard:
            self._history = None
        status = self.status()
        if discard:
            self._saver = None
        return status

    def view(self, since: str, name: str, cut: bool) -> View:
        """A snapshot, to be read in pages: see `History.view`."""
        return self._recorded().view(since, name, cut)

    def forget(self, number: int) -> None:
        """Forget what a snapshot has shown: `View.number`."""
        if self._history is not None:
            self._history.forget(number)

    def reset(self) -> Pairs:
        """Forget all that ran so far, and the names; returns `status`."""
        history = self._recorded()
        self.forget(history.view("", "", True).number)
        return self.status()

    def page(self, view: View, cursor: int) -> tuple[int, tuple[Part, ...]]:
        """One page of a snapshot: see `View.page`. Raises AgentError ``greenlets-unnoticed``."""
        page = view.page(cursor)
        if self._collector is not None:
            self._collector.verify()
        if view.history.recording.spoiled:
            raise AgentError("greenlets-unnoticed", view.history.recording.spoiled)
        return page

    def saving(self) -> Pairs:
        """How writing the data file goes, see `Saver.status`; empty if nobody wants one."""
        return () if self._saver is None else self._saver.status()

    def plugin_files(self) -> tuple[tuple[str, str], ...]:
        """The files with lines that plug-ins have measured, and the name of the plug-in of each."""
        if self._history is None:
            return ()
        named = list(self._history.recording.plugin_files.items())
        return tuple(item for item in named if self._history.lines_in(item[0]))

    def plugin_file(self, path: str) -> Pairs:
        """What its plug-in says about one of `plugin_files`: see `Plugins.report`."""
        if self._history is None or path not in self._history.recording.plugin_files:
            return ()
        return self._plugins.report(self._history.recording.plugin_files[path], path, self._history.lines_in(path))

    def status(self) -> Pairs:
        """What is measured: pairs of name and value, the scope's options among them."""
        measuring = self.is_measuring()
        pairs: list[tuple[str, Any]] = [("measuring", measuring)]
        if measuring:
            pairs.append(("core", self._collector.core))
            pairs.append(("seconds", time.monotonic() - self._started_at))
            pairs += self._collector.details()
        if self._history is not None:
            recording = self._history.recording
            files, lines = self._history.totals()
            pairs += [
                ("files", files),
                ("lines", lines),
                ("scope", self._chosen),
                ("program", self._program),
                ("not_loaded", self._not_loaded()),
                ("places", places(dict(self._chosen)["source_pkgs"])),
                ("plugins", self._plugins.state()),
                ("left_out", recording.left_out(LEFT_OUT_SHOWN)),
                ("full", recording.is_full()),
                ("others", tuple(sorted(recording.others))),
                ("context", self._history.context),
                ("names", self._history.names()),
            ]
        pairs.append(("saving", self.saving()))
        return tuple(pairs)

    def _not_loaded(self) -> tuple[str, ...]:
        chosen = dict(self._chosen)
        return not_loaded(chosen["source_pkgs"], chosen["source_dirs"])

    def is_measuring(self) -> bool:
        """Is a collector at work?"""
        return self._collector is not None

    def holds_data(self) -> bool:
        """Is there anything that a snapshot would want, now or later?"""
        return self._history is not None

    def close(self) -> None:
        """Stop and forget everything."""
        self.stop(discard=True)

    def _adjust(self, context: str, data_file: str, every: float) -> Pairs:
        """Another label or another saver while it is measured; returns `status`."""
        history = self._recorded()
        saver = self._start_saver(history, data_file, every) if every else None
        try:
            if context:
                history.relabel(context)
        except BaseException:
            if saver is not None:
                saver.stop()
            raise
        if saver is not None:
            if self._saver is not None:
                self._saver.stop()
            self._saver = saver
        return self.status()

    def _recorded(self) -> History:
        if self._history is None:
            raise AgentError("coverage-not-started", "nothing was recorded in this process")
        return self._history

    def _start_saver(self, history: History, path: str, every: float) -> Saver:
        from .record.saving import Saver

        if not path and self._saver is not None:
            path = self._saver.file.path
        saver = Saver(history, path, every, self._native, self._pause)
        saver.start()
        return saver

    def _refuse_running(self, chosen: Pairs, core: str, label: str) -> None:
        if self._collector is None:
            return
        self._refuse_others(chosen, core, label)
        raise AgentError("coverage-running", "")

    def _refuse_others(self, chosen: Pairs, core: str, label: str) -> None:
        same = chosen == self._chosen and core in ("auto", self._core)
        if not same:
            raise AgentError("coverage-running", self._difference(label))

    def _difference(self, label: str) -> str:
        return "was: %s; now: %s" % (self._label, label)

    def _new_collector(self, recording: Recording, core: str, tracer: bytes) -> Any:
        """The collector of that name, `core_for`'s."""
        if core == "monitoring":
            from .monitoring import MonitoringCollector

            self._plugins.need_tracer()
            return MonitoringCollector(recording, self._pause)
        if core == "probes":
            from .probes.collector import ProbesCollector

            self._plugins.need_tracer()
            return ProbesCollector(recording, self._plugins, self._native, self._pause, tracer)
        try:
            from .tracer.collector import TracerCollector
        except ImportError as error:
            raise AgentError("no-ctypes", "coverage.py's tracer needs _ctypes: %s" % error) from None

        return TracerCollector(recording, self._plugins, self._native, self._pause, tracer)
