"""Coverage of an attached process: what ``Session.coverage`` is."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attach.channel import rendezvous, tracers
from attach.channel.connection import AgentConnection, RemoteError, as_dict, quiet
from attach.errors import (
    AttachError,
    CoverageNotStarted,
    CoverageRefused,
    CoverageRunning,
    MeasurementRejected,
    OptionNotUsable,
)
from attach.inject import c_library
from attach.process import Process
from attach.project import finding
from attach.project.scope import DEFAULT, Scope, agent_options
from attach.report.settings import BadSettings, Settings

if TYPE_CHECKING:
    from attach.report import Measured

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
        log: Callable[[str], None] = quiet,
        working: tracers.Working = tracers.silently,
    ) -> dict[str, Any]:
        """Measure lines, or lines and branches, from now on, in every thread and in the frames that are running.

        `settings` (of `configuration`) say what `scope` leaves open; reports go by them as well. Returns the status.

        Raises CoverageRunning if it is measured already (nothing changes), CoverageRefused if another tool, the
        process itself or data of other options is in the way, TracerUnavailable if the process needs a tracer that
        cannot be had, OptionNotUsable for a pattern that makes no sense. `working` is entered while a tracer is
        downloaded.
        """
        self.connection.load("coverage")
        options = agent_options(self.process, scope, settings)
        try:
            try:
                return self._start(options, log, working)
            except RemoteError as error:
                wished = not scope.branch and settings is not None and settings["run:branch"]
                if error.slug != "core-unavailable" or not wished:
                    raise
                return self._start((*options, ("branch", False)), log, working)  # a file's wish, not the operator's
        except RemoteError as error:
            raise self._translated(error) from None
        except BaseException:
            self.undo()
            raise

    def undo(self) -> None:
        """Take `start` back if it was this one that started, also one that is still under way after an interruption."""
        with contextlib.suppress(AttachError, OSError, RemoteError):
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

    def snapshot(self) -> Measured:
        """What ran since the start, without stopping or forgetting anything."""
        from attach.report import Measured
        from attach.report.data import lines_of
        from attach.report.rights import owner_of

        if not dict(self._status()["coverage"]).keys() >= {"files"}:  # never started, or discarded
            raise CoverageNotStarted(self.process.pid)
        files: dict[str, bytes] = {}
        cursor = 0
        while cursor >= 0:
            cursor, page = self._call("coverage_page", cursor)
            files.update((str(filename), bytes(packed)) for filename, packed in page)
        status = self._status()
        branch = bool(dict(dict(status["coverage"])["scope"])["branch"])
        process = self.process
        return Measured(
            lines={path: lines_of(arcs) for path, arcs in files.items()} if branch else files,
            arcs=files if branch else None,
            python=self.connection.hello.python,
            root=process.root if process.sees_other_files() else "/",
            cwd=str(status.get("cwd", "")),
            left_out=tuple((str(name), int(count)) for name, count in dict(status["coverage"]).get("left_out", ())),
            pid=process.pid,
            taken_at=time.time(),
            started=process.started_at(),
            owner=owner_of(process.pid),
            settings=self.settings(),
            is_ours=self._is_ours(),
            full=bool(dict(status["coverage"]).get("full")),
            others=tuple(map(str, dict(status["coverage"]).get("others", ()))),
        )

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
        return CoverageRefused(pid, error.message, error.slug)
