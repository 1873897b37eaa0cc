"""What operators can ask of the debugger of this process: one session at a time."""

from __future__ import annotations

import _thread
import sys
import time

from ..errors import AgentError
from ..idents import own_ident
from .prompt.evaluation import WithoutReadline
from .session import CLOSED, Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Debugger:
    """One per agent. `threads` are the native ids of the agent's threads, `gone` says that the agent is no more."""

    def __init__(self, importer: Any, threads: set[int], gone: Callable[[], bool]) -> None:
        self.importer = importer
        self.threads = threads
        self.gone = gone
        self.new_lock: Callable[[], Any] = importer.native(_thread, "allocate_lock", "allocate")
        self._start_thread = importer.native(_thread, "start_new_thread", "start_new")
        self.ident = own_ident(importer)
        never = self.new_lock()
        never.acquire()
        self._never = never
        self.session: Session | None = None
        self._numbers = 0
        self._connection: Any = None

    def pause(self, seconds: float) -> None:
        self._never.acquire(True, seconds)

    # ---- sessions ----

    def open(self, connection: Any, pairs: tuple[tuple[str, Any], ...]) -> int:
        """Begin a session for the operator at this connection, whose end is the session's."""
        session = self.session
        if session is not None and session.ended:
            self._wait_for_end(session)
        if session is not None and session.state != CLOSED:
            raise AgentError("debug-busy", self.holder())
        options = dict(pairs)
        with WithoutReadline():
            modules = import_modules(self.importer)
        base = debugger_class(self.importer, modules, options["pdbcls"])
        self._numbers += 1
        session = Session(self, self._numbers, options, modules)
        with WithoutReadline():  # the constructor of pdb.Pdb imports it
            session.prepare(base)
        self.session, self._connection = session, connection
        try:
            self._start_thread(self._keep, (session,))
        except RuntimeError as error:
            self.session = None
            session.dismantle()
            raise AgentError("no-thread", "the process cannot start one more thread: %s" % error) from None
        try:
            session.begin()
        except BaseException as error:
            session.close("not begun")
            if options["pdbcls"] and not isinstance(error, AgentError):
                text = "%s fails: %s: %s" % (options["pdbcls"], type(error).__name__, error)
                raise AgentError("pdbcls", text) from None
            raise
        return session.number

    def _keep(self, session: Session) -> None:
        tid = _thread.get_native_id()
        self.threads.add(tid)
        try:
            session.keep()
        finally:
            self.threads.discard(tid)

    def of(self, connection: Any) -> Session:
        if self.session is None or self._connection is not connection:
            raise AgentError("debug-closed", "no session was opened over this connection")
        return self.session

    def numbered(self, number: int) -> Session:
        if self.session is None or self.session.number != number:
            raise AgentError("debug-closed", "the session is over")
        return self.session

    def connection_ended(self, connection: Any) -> None:
        if self.session is not None and self._connection is connection:
            self._connection = None
            self.session.close("operator lost")

    def reset(self) -> tuple[tuple[str, Any], ...]:
        """End the session of whoever has it; what it was."""
        status = self.status()
        session = self.session
        if session is not None:
            session.close("reset by another operator")
            self._wait_for_end(session)
        return status

    def _wait_for_end(self, session: Session) -> None:
        """Of one that is closing; not for C code that holds its thread."""
        while session.state != CLOSED and session.may_close():
            self.pause(0.002)

    def aside(self, change: Callable[[], Any]) -> Any:
        """What `change` returns, which begins or ends to measure."""
        session = self.session
        return change() if session is None or not self.is_open() else session.breakpoints.aside(change)

    def is_open(self) -> bool:
        return self.session is not None and self.session.state != CLOSED

    def status(self) -> tuple[tuple[str, Any], ...]:
        return self.session.status() if self.session is not None and self.is_open() else ()

    def close(self) -> None:
        """The agent goes: nothing of a session is left when this returns, but a thread that C code holds."""
        if self.session is not None:
            self.session.close("the agent was detached")
            self._wait_for_end(self.session)

    def after_fork(self) -> None:
        """In a forked child, to which none of our threads came along."""
        if self.is_open():
            assert self.session is not None
            self.session.in_child()

    def look_after(self, session: Session) -> None:
        """Called by a stopped thread now and then: is there still somebody who could let it go on?"""
        if self.gone():
            session.close("the agent is gone")

    def holder(self) -> str:
        """Who has the session, in words."""
        session = self.session
        assert session is not None
        return "%s has a debugger session since %d s" % (session.options["operator"], time.time() - session.since)

    # ---- threads of the program ----

    def thread_name(self, ident: int) -> str:
        """As the program calls it; its number if it has no name."""
        threading: Any = sys.modules.get("threading")
        thread = getattr(threading, "_active", {}).get(ident)
        name = getattr(thread, "_name", "")
        return name if type(name) is str and name else "main" if ident == main_ident() else "thread %d" % ident

    def other_threads(self, ident: int) -> tuple[tuple[str, int, str], ...]:
        """Name, ident, and where it is, of each thread of the program but this one."""
        rows = []
        for other, frame in sys._current_frames().items():
            if other != ident and frame.f_code.co_filename[:13] != "<live-attach>":
                where = "%s (%s:%d)" % (frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno or 0)
                rows.append((self.thread_name(other), other, where))
        return tuple(sorted(rows))

    def find_thread(self, wanted: str) -> int:
        """The ident of the thread of this name, native id or ident; "" and "main" are the main thread."""
        running = sys._current_frames()
        if wanted in ("", "main"):
            return main_ident()
        threading: Any = sys.modules.get("threading")
        active = dict(getattr(threading, "_active", {}))
        found = [
            ident
            for ident, thread in active.items()
            if ident in running and wanted in (thread._name, str(ident), str(getattr(thread, "_native_id", "")))
        ]
        if wanted.isdigit() and int(wanted) in running and not found:
            found = [int(wanted)]
        if len(found) > 1:
            raise AgentError("no-such-thread", "%d threads are called %r" % (len(found), wanted))
        if not found:
            names = sorted(self.thread_name(ident) for ident in running if ident in active or ident == main_ident())
            raise AgentError("no-such-thread", "no thread is called %r; there are: %s" % (wanted, ", ".join(names)))
        return int(found[0])


def main_ident() -> int:
    """The ident of the main thread."""
    running = sys._current_frames()
    main = getattr(sys.modules.get("threading"), "_main_thread", None)
    ident = getattr(main, "_ident", None)
    if type(ident) is int and ident in running:  # gevent gives it that of a greenlet
        return int(ident)
    *_, oldest = running  # newest first (Python/pystate.c, _PyThread_CurrentFrames)
    return int(oldest)


def import_modules(importer: Any) -> dict[str, Any]:
    """What a prompt needs, imported before anything is stopped."""
    try:
        names = ("pdb", "bdb", "traceback", "pprint")
        return {name: importer.plain_import(name) for name in names}
    except Exception as error:
        raise AgentError("no-pdb", "pdb cannot be imported there: %s: %s" % (type(error).__name__, error)) from None


def debugger_class(importer: Any, modules: dict[str, Any], wanted: str) -> type[Any]:
    """pdb.Pdb, or the class that ``module:Class`` names."""
    base: type[Any] = modules["pdb"].Pdb
    if not wanted:
        return base
    module, _, name = wanted.partition(":")
    try:
        found: Any = importer.plain_import(module, None, None, ("*",))
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        text = "%s cannot be had there: %s: %s" % (wanted, type(error).__name__, error)
        raise AgentError("pdbcls", text) from None
    if not isinstance(found, type) or not issubclass(found, base):
        raise AgentError("pdbcls", "%s is not a class derived from pdb.Pdb" % wanted)
    return found
