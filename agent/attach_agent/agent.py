"""The agent: what an operator can ask of an attached process, and how it goes away again."""

from __future__ import annotations

import _thread
import marshal
import posix
import sys
import time

from .endpoint import Endpoint
from .errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from typing import Any

    from .coverage.control import Coverage
    from .coverage.record.periods import View
    from .debugger.debugger import Debugger
    from .run import Runs
    from .shell import Shells


class Agent:
    """One per attached process. `importer` gets more of the agent on demand, `state` is the rendezvous of ``boot``."""

    def __init__(self, importer: Any, state: dict[str, Any]) -> None:
        self.importer = importer
        self.state = state
        self.since = time.time()
        #: operators are served side by side; what changes the process is done one at a time
        self.lock = importer.native(_thread, "allocate_lock", "allocate")()
        self.coverage: Coverage | None = None
        self.started_by, self.started_fresh = "", False
        self.taken_back: set[str] = set()
        self.runs: Runs | None = None
        self.shells: Shells | None = None
        self.debugger: Debugger | None = None

    def serve(self, sock: socket) -> None:
        """Answer one operator until it leaves."""
        try:
            Endpoint(sock, self.methods(sock)).serve()
        finally:
            if self.runs is not None:
                self.runs.connection_ended(sock)
            if self.debugger is not None:
                self.debugger.connection_ended(sock)

    def methods(self, sock: socket) -> dict[str, Callable[..., Any]]:
        views: list[View] = []  # the snapshot that this operator reads
        return {
            "coverage_folders": lambda: self.program().folders(),
            "coverage_forget": self.coverage_forget,
            "coverage_modules": lambda: self.program().modules(),
            "coverage_page": lambda cursor: self.coverage_page(views, cursor),
            "coverage_plugin_file": lambda path: self.started().plugin_file(path),
            "coverage_plugin_files": lambda: self.started().plugin_files(),
            "coverage_reset": self.coverage_reset,
            "coverage_saving": lambda: self.started().saving(),
            "coverage_settings": lambda: self.started().settings,
            "coverage_start": self.coverage_start,
            "coverage_undo": self.coverage_undo,
            "coverage_stop": self.coverage_stop,
            "coverage_view": lambda *wanted: self.coverage_view(views, *wanted),
            "debug_close": lambda reason: self.started_debugger().of(sock).close(reason),
            "debug_complete": lambda *word: self.dialogue(sock).complete(*word),
            "debug_feed": lambda text: self.dialogue(sock).feed(text),
            "debug_interrupt": lambda: self.dialogue(sock).interrupt(),
            "debug_open": lambda options: self.debug_open(sock, options),
            "debug_read": lambda number, seconds: self.started_debugger().numbered(number).dialogue.read(seconds),
            "debug_reset": lambda: self.debugger.reset() if self.debugger is not None else (),
            "debug_stop": lambda thread: self.started_debugger().of(sock).stop_thread(thread),
            "detach": lambda: self.detach(sock),
            "load": self.load,
            "loaded": lambda *names: self.importer.sources.keys() >= set(names),
            "run_interrupt": lambda: self.started_runs().interrupt(sock),
            "run_read": lambda seconds: self.started_runs().read(sock, seconds),
            "run_start": lambda *code: self.started_runs().start(sock, *code),
            "shell_close": lambda: self.shell(sock).close(),
            "shell_complete": lambda *word: self.shell(sock).complete(*word),
            "shell_feed": lambda text: self.shell(sock).feed(text),
            "shell_interrupt": lambda: self.shell(sock).interrupt(),
            "shell_open": lambda module: self.started_shells().open(sock, module),
            "shell_read": lambda number, seconds: self.started_shells().read(number, seconds),
            "status": self.status,
            "threads": lambda with_locals: self.looking().take(self.importer, with_locals),
            "withdraw": lambda: self.withdraw(sock),
        }

    def load(self, blob: bytes) -> None:
        """Take more modules of the agent, packed as ``attach.channel.payload`` packs them."""
        self.importer.add(marshal.loads(blob))

    def coverage_start(self, options: tuple[tuple[str, Any], ...], token: str = "") -> Any:
        """Start measuring; the operator has sent the modules of the coverage part before.

        `token`, if not empty, is what the operator can take this back by.
        """
        with self.lock:
            if token in self.taken_back:
                raise AgentError("coverage-not-started", "the operator has taken it back")
            if self.coverage is None:
                self.coverage = self.importer.module("attach_agent.coverage.control").Coverage(self.importer.native)
            fresh, running = not self.coverage.holds_data(), self.coverage.is_measuring()
            coverage = self.coverage
            status = self.aside(lambda: coverage.start(options))
            if not running:  # else it was only labelled, or given a data file
                self.started_by, self.started_fresh = token, fresh
            return status

    def coverage_undo(self, token: str) -> None:
        """Take back the start with this token: one that is done, is under way, or has not come here yet."""
        with self.lock:
            self.taken_back.add(token)
            coverage = self.coverage
            if coverage is not None and self.started_by == token:
                self.aside(lambda: coverage.stop(self.started_fresh))

    def coverage_view(self, views: list[View], since: str, name: str, cut: bool) -> int:
        """Begin a snapshot, whose pages are asked for next; returns the number to forget it by."""
        with self.lock:
            views[:] = [self.started().view(since, name, cut)]
        return views[0].number

    def coverage_page(self, views: list[View], cursor: int) -> Any:
        return self.started().page(views[0], cursor)

    def coverage_forget(self, number: int) -> None:
        with self.lock:
            self.started().forget(number)

    def coverage_reset(self) -> Any:
        with self.lock:
            return self.started().reset()

    def coverage_stop(self, discard: bool) -> Any:
        with self.lock:
            coverage = self.started()
            return self.aside(lambda: coverage.stop(discard))

    def aside(self, change: Callable[[], Any]) -> Any:
        """What `change` returns; breakpoints, which trace threads before Python 3.12, are not in its way."""
        return change() if self.debugger is None else self.debugger.aside(change)

    def started(self) -> Coverage:
        coverage = self.coverage
        if coverage is None:
            raise AgentError("coverage-not-started", "coverage was not started in this process")
        return coverage

    def program(self) -> Any:
        """What tells of the program; another operator may be importing it in this moment, and then it is half made."""
        with self.lock:
            return self.importer.module("attach_agent.coverage.program")

    def looking(self) -> Any:
        """What tells of threads and tasks; as `program`."""
        with self.lock:
            return self.importer.module("attach_agent.looking.picture")

    def started_runs(self) -> Runs:
        """The operator has sent the modules for running code before."""
        with self.lock:
            if self.runs is None:
                part = self.importer.module("attach_agent.run")
                self.runs = part.Runs(self.importer, self.state["threads"], self.lock)
            return self.runs

    def debug_open(self, connection: socket, options: tuple[tuple[str, Any], ...]) -> int:
        with self.lock:
            return self.started_debugger().open(connection, options)

    def started_debugger(self) -> Debugger:
        """The operator has sent the modules of the debugger before."""
        if self.debugger is None:
            part = self.importer.module("attach_agent.debugger.debugger")
            self.debugger = part.Debugger(self.importer, self.state["threads"], self.is_gone)
        return self.debugger

    def dialogue(self, connection: socket) -> Any:
        """Of the session that was opened over this connection."""
        return self.started_debugger().of(connection).dialogue

    def is_gone(self) -> bool:
        """Whether the rendezvous has ended, and with it whoever could ask something of us."""
        return sys.__dict__.get("_live_attach") is not self.state

    def started_shells(self) -> Shells:
        """The operator has sent their modules, and those for running code."""
        runs = self.started_runs()
        with self.lock:
            if self.shells is None:
                self.shells = self.importer.module("attach_agent.shell").Shells(runs)
            return self.shells

    def shell(self, sock: socket) -> Any:
        """The one that was opened over this connection."""
        return self.started_runs().of_connection[sock]

    def running(self) -> int:
        """How many operators' code is running."""
        return len(self.runs.active) if self.runs is not None else 0

    def status(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("cwd", working_directory()),
            ("attached_seconds", time.time() - self.since),
            ("operators", len(self.state["channels"])),
            ("threads", tuple(sorted(self.state["threads"]))),
            ("coverage", self.coverage.status() if self.coverage else ()),
            ("debug", self.debugger.status() if self.debugger is not None else ()),
            ("running", self.running()),
        )

    def busy(self) -> bool:
        """Is there anything that must outlive the operators' connections?"""
        if self.debugger is not None and self.debugger.is_open():
            return True
        return self.running() > 0 or (self.coverage is not None and self.coverage.holds_data())

    def close(self) -> None:
        """Undo everything the agent did to the process; may be called twice."""
        with self.lock:
            debugger, self.debugger = self.debugger, None
            if debugger is not None:
                debugger.close()
            coverage, self.coverage = self.coverage, None
            if coverage is not None:
                coverage.close()
            streams = self.importer.modules.get("attach_agent.streams")
            if streams is not None:
                streams.stand_ins(self.importer).remove()  # those that the program has put back itself since

    def after_fork(self) -> None:
        """In a forked child, which inherits the measuring but none of the threads: undo it here."""
        self.lock = self.importer.native(_thread, "allocate_lock", "allocate")()  # a thread of the parent may hold it
        if self.debugger is not None:
            self.debugger.after_fork()
        self.close()
        if self.runs is not None:
            self.runs.close()
        if self.shells is not None:
            self.shells.display.remove()

    def withdraw(self, caller: socket) -> tuple[int, ...]:
        """Detach if nothing depends on the agent but the caller: it came with an operator who could not use it."""
        return () if self.busy() or len(self.state["channels"]) > 1 else self.detach(caller)

    def detach(self, caller: socket) -> tuple[int, ...]:
        """Remove the agent; returns the native ids of the threads that are about to end."""
        if self.running():
            raise AgentError("code-running", "code of an operator is running in this process")
        if self.debugger is not None and self.debugger.is_open():
            raise AgentError("debug-busy", self.debugger.holder())
        self.close()
        threads = tuple(sorted(self.state["threads"]))
        for sock in list(self.state["channels"]):
            if sock is not caller:
                try:
                    sock.shutdown(2)
                except OSError:
                    pass
        self.state["close"]()
        return threads


def working_directory() -> str:
    try:
        return posix.getcwd()
    except OSError:  # it was removed
        return ""
