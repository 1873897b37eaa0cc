"""Coverage of an attached process: what ``Session.coverage`` is."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from attach import tracers
from attach.channel import rendezvous
from attach.channel.connection import AgentConnection, RemoteError, as_dict, quiet
from attach.errors import (
    AttachError,
    CoverageNotStarted,
    CoverageRefused,
    CoverageRunning,
    DataFileNotWritable,
    MeasurementRejected,
    NameNotUsable,
    OptionNotUsable,
    SavingUnavailable,
    TooManyNames,
    UnknownName,
)
from attach.inject import c_library
from attach.process import Process
from attach.project import finding
from attach.project.scope import DEFAULT, Scope, agent_options
from attach.report.settings import BadSettings, Settings

if TYPE_CHECKING:
    from attach.report import Measured
    from attach.report.plugin_files import PluginFile

#: The agent's slugs that are errors of their own, made of the PID and the agent's message.
_ERRORS: dict[str, Callable[[int, str], Exception]] = {
    "bad-name": NameNotUsable,
    "data-file-not-writable": DataFileNotWritable,
    "saving-unavailable": SavingUnavailable,
    "too-many-names": TooManyNames,
    "unknown-name": UnknownName,
}

#: How long `Coverage.undo` waits for the agent.
UNDO_SECONDS = 10.0


class Coverage:
    """Coverage of one process."""

    def __init__(self, process: Process, connection: AgentConnection) -> None:
        self.process = process
        self.connection = connection
        #: What a start of ours can be taken back by.
        self._token = secrets.token_hex(8)

    def configuration(self, rcfile: str | None = None) -> Settings | None:
        """coverage.py's configuration of the process's project, or what the file `rcfile` says; None if there is none.

        Raises ConfigurationNotUsable.
        """
        if rcfile is not None:
            return finding.read_named(self.process, rcfile)
        self.connection.load("coverage")
        return finding.find(self.process, [str(folder) for folder in self._call("coverage_folders")])

    def start(
        self,
        scope: Scope = DEFAULT,
        *,
        settings: Settings | None = None,
        context: str = "",
        every: float = 0.0,
        data_file: str = "",
        log: Callable[[str], None] = quiet,
        working: tracers.Working = tracers.silently,
    ) -> dict[str, Any]:
        """Measure lines, or lines and branches, from now on, in every thread and in the frames that are running.

        `settings` (of `configuration`) say what `scope` leaves open; reports go by them as well. `context` labels what
        runs from now on. With `every`, the process itself writes `data_file` every so many seconds; a relative name
        counts from our working directory, or where the process sees other files, from its own, and without one it is
        a new one there. A `context` and `every` can be given while it is measured, with no `scope` or the same. Returns
        the status.

        Raises CoverageRunning if it is measured already (nothing changes), CoverageRefused if another tool, the
        process itself or data of other options is in the way, TracerUnavailable if the process needs a tracer that
        cannot be had, OptionNotUsable for a pattern that makes no sense, SavingUnavailable or DataFileNotWritable if
        there can be no data file. `working` is entered while a tracer is downloaded.
        """
        self.connection.load("coverage")
        if scope.core == "probes":
            self.connection.load("probes")
        options = agent_options(self.process, scope, settings)
        usual = settings["run:context"] if settings is not None else None
        options = (*options, ("context", context), ("usual_context", usual or ""), ("unscoped", scope == DEFAULT))
        if every:
            options = (*options, ("every", float(every)), ("data_file", self._place_of(data_file)))
        try:
            try:
                return self._start(options, log, working)
            except RemoteError as error:
                if error.slug != "core-unavailable" or scope.core != "auto":
                    raise
                return self._start((*options, ("core", "auto")), log, working)  # a file's wish, not the operator's
        except RemoteError as error:
            raise self._translated(error) from None
        except BaseException:
            self.undo()
            raise

    def undo(self) -> None:
        """Take `start` back if it was this one that started, also one that is still under way after an interruption."""
        with suppress(AttachError, OSError, RemoteError):
            meeting = rendezvous.find(self.process)
            if meeting is not None:
                connection = AgentConnection(meeting.connect(), self.process.pid, timeout=UNDO_SECONDS)
                connection.call("coverage_undo", self._token)
                connection.close()

    def _start(
        self, options: tuple[tuple[str, Any], ...], log: Callable[[str], None], working: tracers.Working
    ) -> dict[str, Any]:
        """Start, with the tracer if the agent asks for it. Raises RemoteError, TracerUnavailable."""
        connection = self.connection
        try:
            return as_dict(connection.call("coverage_start", options, self._token))
        except RemoteError as error:
            if error.slug != "tracer-needed":
                raise
        version = connection.hello.python[:2]
        tracer = tracers.find(version, libc=c_library(self.process), log=log, working=working)
        return as_dict(connection.call("coverage_start", (*options, ("tracer", tracer)), self._token))

    def settings(self) -> Settings | None:
        """The configuration that the measurement was started with, None if without.

        Raises CoverageNotStarted, MeasurementRejected.
        """
        text = str(self._call("coverage_settings"))
        try:
            return Settings.from_text(text) if text else None
        except BadSettings as error:
            raise MeasurementRejected(self.process.pid, f"its configuration: {error}") from None

    def modules(self) -> list[str]:
        """The names of all modules that are loaded in the process."""
        return [str(name) for name in self._call("coverage_modules")]

    def stop(self, *, discard: bool = False) -> dict[str, Any]:
        """Stop measuring; the data stays for snapshots unless `discard`."""
        return as_dict(self._call("coverage_stop", discard))

    def reset(self) -> dict[str, Any]:
        """Forget what was recorded, and the names of moments; measuring goes on."""
        return as_dict(self._call("coverage_reset"))

    def saving(self) -> dict[str, Any]:
        """How the writing of the data file goes: path, every, active, ago, next, error. Empty without one."""
        return as_dict(self._call("coverage_saving"))

    def snapshot(self, *, since: str = "", name: str = "", reset: bool = False) -> Measured:
        """What ran so far, or since the moment named `since`; nothing is stopped.

        `name` names this moment. With `reset` all that ran up to now is forgotten when this has arrived here.
        Raises CoverageNotStarted, UnknownName, NameNotUsable, TooManyNames.
        """
        with self.taking(since=since, name=name, reset=reset) as measured:
            return measured

    @contextmanager
    def taking(self, *, since: str = "", name: str = "", reset: bool = False) -> Iterator[Measured]:
        """As `snapshot`, but with `reset` it is forgotten at the end of the block, and only if that ends well.

        What is not forgotten, for whatever reason, is in the next snapshot again.
        """
        number = self._call("coverage_view", since, name, reset)
        yield self._read()
        if reset:
            self._call("coverage_forget", number)

    def _read(self) -> Measured:
        """All pages of the snapshot that was begun."""
        from attach.report import Measured, unexecuted
        from attach.report import arcs as branches
        from attach.report.data import either, lines_of
        from attach.report.rights import owner_of

        status = self._status()
        coverage = dict(status["coverage"])
        if "scope" not in coverage:  # somebody has discarded it
            raise CoverageNotStarted(self.process.pid)
        branch = bool(dict(coverage["scope"])["branch"])
        union = branches.either if branch else either
        files: dict[str, bytes] = {}
        labels: dict[str, dict[str, bytes]] = {}
        cursor = 0
        while cursor >= 0:
            cursor, page = self._call("coverage_page", cursor)
            for path, label, packed in page:
                for found in (files, labels.setdefault(str(label), {})):
                    found[str(path)] = union(found.get(str(path), b""), bytes(packed))
        process, owner = self.process, owner_of(self.process.pid)
        root = process.root if process.sees_other_files() else "/"
        scope = dict(coverage["scope"])
        for path in unexecuted.find(root, owner, (*scope["source_dirs"], *coverage["places"]), scope["omit"]):
            files.setdefault(path, b"")
        return Measured(
            lines={path: lines_of(arcs) for path, arcs in files.items()} if branch else files,
            arcs=files if branch else None,
            python=self.connection.hello.python,
            root=root,
            cwd=str(status.get("cwd", "")),
            left_out=tuple((str(name), int(count)) for name, count in coverage.get("left_out", ())),
            pid=process.pid,
            taken_at=time.time(),
            started=process.started_at(),
            owner=owner,
            settings=self.settings(),
            is_ours=self._is_ours(),
            full=bool(coverage.get("full")),
            plugin_files=self._plugin_files(),
            context=next(iter(labels)) if len(labels) == 1 else "",
            labels=labels if len(labels) > 1 else {},
            plugin_problems=tuple((str(name), str(why)) for name, why in coverage["plugins"] if why),
            others=tuple(map(str, coverage.get("others", ()))),
        )

    def _place_of(self, data_file: str) -> str:
        if not data_file:
            return ""
        base = self.process.cwd if self.process.sees_other_files() else os.getcwd()
        return os.path.normpath(os.path.join(base, data_file))

    def _plugin_files(self) -> dict[str, PluginFile]:
        """What the plug-ins in the process say about the files that they have measured."""
        named = self._call("coverage_plugin_files")
        if not named:
            return {}
        from attach.report.plugin_files import PluginFile

        found = {str(path): PluginFile(str(plugin), problem="its plug-in does not answer") for path, plugin in named}
        meeting = rendezvous.find(self.process)
        if meeting is None:
            return found
        # somebody else's code may not come back: then this channel is lost, and the rest can still be reported
        channel = AgentConnection(meeting.connect(), self.process.pid, timeout=self.connection.timeout)
        try:
            with suppress(AttachError, RemoteError):
                for path, file in found.items():
                    found[path] = PluginFile.from_pairs(file.plugin, channel.call("coverage_plugin_file", path))
        finally:
            channel.abort()
        return found

    def _is_ours(self) -> bool:
        """Whether the process could do itself whatever it has us do: same user, same file system."""
        foreign = self.process.foreign_namespaces
        return self.process.euid == os.geteuid() and "user" not in foreign and not self.process.sees_other_files()

    def _status(self) -> dict[str, Any]:
        return as_dict(self.connection.call("status"))

    def _call(self, name: str, *args: Any) -> Any:
        try:
            return self.connection.call(name, *args)
        except RemoteError as error:
            raise self._translated(error) from None

    def _translated(self, error: RemoteError) -> Exception:
        pid = self.process.pid
        if error.slug == "coverage-running":
            return CoverageRunning(pid, error.message)
        if error.slug == "coverage-not-started":
            return CoverageNotStarted(pid)
        if error.slug == "bad-option":
            return OptionNotUsable(error.message)
        if error.slug in _ERRORS:
            return _ERRORS[error.slug](pid, error.message)
        return CoverageRefused(pid, error.message, error.slug)
