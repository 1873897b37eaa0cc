"""A session with one attached process: what ``attach.attach(pid)`` returns."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from attach.channel import payload, rendezvous, tracers
from attach.channel.connection import AgentConnection, RemoteError
from attach.errors import (
    AgentFailed,
    AgentUnreachable,
    AttachError,
    CoverageNotStarted,
    CoverageRefused,
    CoverageRunning,
    NotAttached,
    OptionNotUsable,
)
from attach.inject import c_library, check_rights, check_running, inject
from attach.process import Process
from attach_agent import wire

if TYPE_CHECKING:
    from attach.report import Measured

DEFAULT_TIMEOUT = 10.0


def _quiet(_line: str) -> None:
    """The log of those who want none."""


@dataclass(frozen=True)
class Scope:
    """What is measured. Patterns and names mean what they mean to coverage.py (its ``[run]`` section)."""

    source: Sequence[str] = ()
    include: Sequence[str] = ()
    omit: Sequence[str] = ()
    pylib: bool = False


class Session:
    """One operator's connection to the agent in one process.

    Leaving the ``with`` block closes the connection; what was started goes on until `detach`.
    """

    def __init__(self, process: Process, connection: AgentConnection, *, injected: bool, method: str) -> None:
        self.process = process
        self.connection = connection
        #: Did this session bring the agent, or did it find one?
        self.injected = injected
        #: How the agent got in: "remote-exec", "ptrace", or "present".
        self.method = method
        self.coverage = Coverage(self)

    @classmethod
    def attach(
        cls,
        pid: int,
        *,
        method: str = "auto",
        timeout: float = DEFAULT_TIMEOUT,
        force: bool = False,
        log: Callable[[str], None] = _quiet,
    ) -> Session:
        """Attach to a running CPython process, or join the agent that is there already.

        `timeout` bounds the whole in seconds. Raises a TargetError that tells why it cannot be, an InjectionError when
        the process does not let our code run, an AgentError when the agent does not answer.
        """
        process = Process(pid)
        deadline = time.monotonic() + timeout
        for _ in range(3):
            meeting = cls._find(process)
            how = "present"
            try:
                if meeting is None:
                    how = cls._inject(process, method, deadline, force, log)
                    meeting = rendezvous.find(process)
                if meeting is not None:
                    return cls._connect(meeting, deadline, injected=how != "present", method=how)
            except (OSError, AgentUnreachable) as error:  # it detached itself in this moment, or another operator it
                if time.monotonic() > deadline:
                    raise
                log(f"the agent went away: {error}")
            except BaseException:
                if meeting is None or how != "present":
                    cls._withdraw(process)
                raise
        raise AgentUnreachable(pid, "it came and went")

    @classmethod
    def _withdraw(cls, process: Process) -> None:
        """Take back an agent that we brought and could not use. If that fails too, it leaves by itself in a minute."""
        with contextlib.suppress(AttachError, OSError):
            for _ in range(20):  # our own broken channel may still count as somebody
                session = cls.join(process.pid, timeout=1.0)
                if session._leave("withdraw"):
                    return
                time.sleep(0.01)

    @classmethod
    def join(cls, pid: int, *, timeout: float = DEFAULT_TIMEOUT) -> Session:
        """Connect to the agent that is in the process; NotAttached if there is none. Injects nothing."""
        process = Process(pid)
        meeting = cls._find(process)
        if meeting is None:
            raise NotAttached(pid)
        try:
            return cls._connect(meeting, time.monotonic() + timeout, injected=False, method="present")
        except OSError:
            raise NotAttached(pid) from None

    @staticmethod
    def _find(process: Process) -> rendezvous.Rendezvous | None:
        """The rendezvous of a process that can answer; else the error that says why it cannot."""
        check_running(process)
        try:
            return rendezvous.find(process)
        except PermissionError:
            check_rights(process)
            raise

    @staticmethod
    def _inject(process: Process, method: str, deadline: float, force: bool, log: Callable[[str], None]) -> str:
        source = payload.bootstrap(wire.MEMFD_PREFIX + secrets.token_hex(8), process.start_time)
        injection = inject(
            process,
            source,
            lambda: rendezvous.find(process) is not None,
            method=method,
            timeout=max(0.1, deadline - time.monotonic()),
            force=force,
            log=log,
        )
        for leftover in injection.leftovers:
            log(f"left behind: {leftover}")
        return injection.method

    @classmethod
    def _connect(cls, meeting: rendezvous.Rendezvous, deadline: float, *, injected: bool, method: str) -> Session:
        timeout = max(1.0, deadline - time.monotonic())
        connection = AgentConnection(meeting.connect(), meeting.process.pid, timeout=timeout)
        return cls(meeting.process, connection, injected=injected, method=method)

    def status(self) -> dict[str, Any]:
        """What the agent says about itself: names and plain values."""
        return _as_dict(self.connection.call("status"))

    def detach(self) -> None:
        """Remove the agent; returns when its threads and descriptors are gone. AgentFailed if they stay."""
        self._leave("detach")

    def abandon(self) -> None:
        """Leave after an error or an interruption; the agent goes too if this session brought it and nobody uses it."""
        self.connection.abort()
        if self.injected:
            self._withdraw(self.process)

    def _leave(self, how: str) -> bool:
        """Whether the agent went with us."""
        tids = self.connection.call(how)
        self.close()
        if not tids:
            return False
        deadline = time.monotonic() + 5
        while self.process.alive() and (
            not self.process.tids_by_inner_id().keys().isdisjoint(tids) or rendezvous.find(self.process) is not None
        ):
            if time.monotonic() > deadline:
                raise AgentFailed(self.process.pid, "it stopped measuring, but its threads do not end")
            time.sleep(0.001)
        return True

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Coverage:
    """Coverage of the session's process."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def start(self, scope: Scope = Scope(), *, log: Callable[[str], None] = _quiet) -> dict[str, Any]:
        """Measure lines from now on, in every thread and in the frames that are running; returns the status.

        Raises CoverageRunning if it is measured already (nothing changes), CoverageRefused if another tool or the
        process itself is in the way, TracerUnavailable if the process needs a tracer that cannot be had,
        OptionNotUsable for a pattern that makes no sense.
        """
        connection = self.session.connection
        connection.load("coverage")
        options = _options(self.session.process, scope)
        try:
            return _as_dict(connection.call("coverage_start", options))
        except RemoteError as error:
            if error.slug != "tracer-needed":
                raise self._translated(error) from None
        version = connection.hello.python[:2]
        tracer = tracers.find(version, libc=c_library(self.session.process), log=log)
        try:
            return _as_dict(connection.call("coverage_start", (*options, ("tracer", tracer))))
        except RemoteError as error:
            raise self._translated(error) from None

    def stop(self, *, discard: bool = False) -> dict[str, Any]:
        """Stop measuring; the data stays for snapshots unless `discard`."""
        return _as_dict(self._call("coverage_stop", discard))

    def snapshot(self) -> Measured:
        """What ran since the start, without stopping or forgetting anything."""
        from attach.report import Measured
        from attach.report.rights import owner_of

        if not dict(self.session.status()["coverage"]).keys() >= {"files"}:  # never started, or discarded
            raise CoverageNotStarted(self.session.process.pid)
        lines: dict[str, bytes] = {}
        cursor = 0
        while cursor >= 0:
            cursor, files = self._call("coverage_page", cursor)
            for filename, numbits in files:
                lines[str(filename)] = bytes(numbits)
        status = self.session.status()
        process = self.session.process
        return Measured(
            lines=lines,
            python=self.session.connection.hello.python,
            root=process.root if process.sees_other_files() else "/",
            cwd=str(status.get("cwd", "")),
            left_out=tuple((str(name), int(count)) for name, count in dict(status["coverage"]).get("left_out", ())),
            pid=process.pid,
            taken_at=time.time(),
            started=process.started_at(),
            owner=owner_of(process.pid),
        )

    def _call(self, name: str, *args: Any) -> Any:
        try:
            return self.session.connection.call(name, *args)
        except RemoteError as error:
            raise self._translated(error) from None

    def _translated(self, error: RemoteError) -> Exception:
        pid = self.session.process.pid
        if error.slug == "coverage-running":
            return CoverageRunning(pid)
        if error.slug == "coverage-not-started":
            return CoverageNotStarted(pid)
        if error.slug == "bad-option":
            return OptionNotUsable(error.message)
        return CoverageRefused(pid, error.message, error.slug)


def _options(process: Process, scope: Scope) -> tuple[tuple[str, Any], ...]:
    """The scope as the agent takes it: directories of the target, package names, regular expressions."""
    directories, packages = [], []
    for source in scope.source:
        directory = _directory(process, source)
        if directory is not None:
            directories.append(directory)
        else:
            packages.append(source)
    return (
        ("source_dirs", tuple(directories)),
        ("source_pkgs", tuple(packages)),
        ("include", _regexes(process, scope.include)),
        ("omit", _regexes(process, scope.omit)),
        ("pylib", scope.pylib),
    )


def _directory(process: Process, source: str) -> str | None:
    """The directory of the target that `source` names: relative to where the operator stands, else to its own cwd."""
    for base in (os.getcwd(), process.cwd):
        path = os.path.normpath(os.path.join(base, source))
        if _is_directory(process, path):
            return path
    return None


def _is_directory(process: Process, path: str) -> bool:
    """Whether `path`, absolute, is a directory in the target's file system, whose links lead below its own root."""
    if not process.sees_other_files():
        return os.path.isdir(path)
    from attach.report.sources import walk

    try:
        root = os.open(process.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found, _ = walk(root, path)
        finally:
            os.close(root)
    except OSError:
        return False
    try:
        return stat.S_ISDIR(os.fstat(found).st_mode)
    finally:
        os.close(found)


def _regexes(process: Process, patterns: Sequence[str]) -> tuple[str, ...]:
    """coverage.py's globs as one regular expression: a relative one counts from the operator's directory."""
    if not patterns:
        return ()
    from coverage.exceptions import ConfigError
    from coverage.files import globs_to_regex, prep_patterns

    try:
        return (globs_to_regex(prep_patterns(patterns)).pattern,)
    except ConfigError as error:
        raise OptionNotUsable(str(error)) from None


def _as_dict(pairs: Any) -> dict[str, Any]:
    return {str(name): value for name, value in pairs}
