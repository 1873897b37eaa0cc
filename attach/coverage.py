"""Coverage of an attached process: what ``Session.coverage`` is."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attach.channel import tracers
from attach.channel.connection import AgentConnection, RemoteError, as_dict, quiet
from attach.errors import CoverageNotStarted, CoverageRefused, CoverageRunning, OptionNotUsable
from attach.inject import c_library
from attach.process import Process

if TYPE_CHECKING:
    from attach.report import Measured


#: What measures: ``sys.monitoring`` or coverage.py's C tracer; ``auto`` is the one that costs the process less.
CORES = ("auto", "monitoring", "ctracer")


@dataclass(frozen=True)
class Scope:
    """What is measured. Patterns and names mean what they mean to coverage.py (its ``[run]`` section)."""

    source: Sequence[str] = ()
    include: Sequence[str] = ()
    omit: Sequence[str] = ()
    pylib: bool = False


class Coverage:
    """Coverage of one process."""

    def __init__(self, process: Process, connection: AgentConnection) -> None:
        self.process = process
        self.connection = connection

    def start(
        self,
        scope: Scope = Scope(),
        *,
        branch: bool = False,
        core: str = "auto",
        log: Callable[[str], None] = quiet,
    ) -> dict[str, Any]:
        """Measure lines from now on, in every thread and in the frames that are running; returns the status.

        With `branch`, branches too. `core` is one of `CORES`.

        Raises CoverageRunning if it is measured already (nothing changes), CoverageRefused if another tool, the
        process itself or data of other options is in the way, TracerUnavailable if the process needs a tracer that
        cannot be had, OptionNotUsable for a pattern that makes no sense.
        """
        connection = self.connection
        connection.load("coverage")
        options = _options(self.process, scope)
        label = _label(dict(options), scope, branch, core)
        options = (*options, ("branch", branch), ("core", core), ("label", label))
        try:
            return as_dict(connection.call("coverage_start", options))
        except RemoteError as error:
            if error.slug != "tracer-needed":
                raise self._translated(error) from None
        version = connection.hello.python[:2]
        tracer = tracers.find(version, libc=c_library(self.process), log=log)
        try:
            return as_dict(connection.call("coverage_start", (*options, ("tracer", tracer))))
        except RemoteError as error:
            raise self._translated(error) from None

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
        )

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


def _label(options: dict[str, Any], scope: Scope, branch: bool, core: str) -> str:
    """The options in the operator's words, to tell later from which others they differ."""
    named = {
        "source": (*options["source_dirs"], *options["source_pkgs"]),
        "include": scope.include,
        "omit": scope.omit,
    }
    words = [f"{name}={','.join(values)}" for name, values in named.items() if values]
    words += [name for name, given in (("pylib", scope.pylib), ("branch", branch)) if given]
    if core != "auto":
        words.append(f"core={core}")
    return ", ".join(words) or "no options"


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
