"""No stop lasts for ever: its limits, and those of who watches the process from outside."""

from __future__ import annotations

import _thread
import posix
import sys
import time

from ...errors import AgentError
from .forking import watch
from .heartbeats import gunicorn_heartbeat, others

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..session import Session

#: How often we look while a thread is stopped, and how often a sign of life is given for it, in seconds.
TICK = 0.1
ALIVE = 1.0
#: Of gunicorn's timeout: a worker whose main thread we have not stopped, and that is silent all the same, waits for
#: what our thread holds. Left alone it may be silent for half of it.
SILENT = 0.75


class Watchdog:
    """Ends `session` when it has stopped a thread for too long; a thread of ours watches, from here until `closed`.

    `stopped`, `asked`, `answered` and `resumed` are called by the stopped thread: they wait for nothing.
    Raises AgentError ``no-thread``.
    """

    def __init__(self, importer: Any, session: Session, options: Mapping[str, Any]) -> None:
        self._session = session
        self._stop_timeout = float(options.get("stop_timeout") or 0)
        self._idle_timeout = float(options.get("idle_timeout") or 0)
        self._heartbeat = gunicorn_heartbeat()
        self._keepalive = bool(options.get("keepalive"))
        self._notes = others()
        self._news = importer.native(_thread, "allocate_lock", "allocate")()
        self._closed = False
        #: (since when a thread is stopped, is it the main thread, what is left to a silent worker), or None
        self._stop: tuple[float, bool, float] | None = None
        self._asked_at: float | None = None
        self._stopped_before = self._touched_at = 0.0
        try:
            importer.native(_thread, "start_new_thread", "start_new")(self._watch, ())
        except RuntimeError as error:
            raise AgentError("no-thread", "no thread could be started: %s" % error) from None

    # ---- the stopped thread ----

    def stopped(self) -> None:
        """Before the first prompt of a stop."""
        main, left = _thread.get_native_id() == posix.getpid(), self._left()
        self._stop = time.monotonic(), main, left
        notes, self._notes = self._notes, []
        if self._heartbeat is not None and main and not self._keepalive:
            notes.append(
                "gunicorn ends a worker that gives no sign of life for %g s: this one goes on after %.3g s of being "
                "stopped; --keepalive lets it be stopped for longer" % (self._heartbeat.timeout, max(left / 2, 0))
            )
        for note in notes:
            self._session.note(note)
        self._wake()

    def asked(self) -> None:
        """From now on the operator's input is waited for."""
        self._asked_at = time.monotonic()

    def answered(self) -> None:
        """There is some."""
        self._asked_at = None

    def resumed(self) -> None:
        """The thread goes on; it may stop again in this session."""
        stop, self._stop, self._asked_at = self._stop, None, None
        if stop is not None:
            self._stopped_before += time.monotonic() - stop[0]

    def closed(self) -> None:
        """Nothing is watched any more."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        try:
            self._news.release()
        except RuntimeError:  # it was told, and has not heard yet
            pass

    # ---- our thread ----

    def _watch(self) -> None:
        tid = _thread.get_native_id()
        self._session.threads.add(tid)
        try:
            watch(self._session.in_child)
            while not self._closed:
                self._news.acquire(True, -1 if self._stop is None else TICK)
                reason = self._reason()
                if reason:
                    self._session.close(reason)
        except BaseException as error:  # a fault of ours: nobody would watch
            self._session.close("%s: %s" % (type(error).__name__, error))
        finally:
            self._session.threads.discard(tid)

    def _reason(self) -> str:
        """Why the thread has to go on now, or ""."""
        stop, now = self._stop, time.monotonic()
        if stop is None:
            return ""
        since, main, left = stop
        asked_at = self._asked_at
        if self._stop_timeout and self._stopped_before + now - since >= self._stop_timeout:
            return "stopped for %g s in all, --stop-timeout" % self._stop_timeout
        if self._idle_timeout and asked_at is not None and now - asked_at >= self._idle_timeout:
            return "no input for %g s, --idle-timeout" % self._idle_timeout
        if not main and _is_ending():
            return "the program is ending"
        if self._heartbeat is not None:
            return self._beat(self._heartbeat, now, left / 2 if main else (1 - SILENT) * self._heartbeat.timeout)
        return ""

    def _beat(self, heartbeat: Any, now: float, least: float) -> str:
        """Give a sign of life, if that is wanted; else the worker may be stopped until `least` seconds are left."""
        if self._keepalive:
            if now - self._touched_at >= ALIVE:
                self._touched_at = now
                heartbeat.touch()
        elif self._left() <= least:
            return "gunicorn would have ended this worker, --keepalive"
        return ""

    def _left(self) -> float:
        return self._heartbeat.left() if self._heartbeat is not None else 0.0


def _is_ending() -> bool:
    """Whether the main thread has come to its end, and now waits for the program's other threads."""
    threading: Any = sys.modules.get("threading")
    try:
        if sys.version_info >= (3, 9):
            return bool(threading._SHUTTING_DOWN)
        return bool(threading._main_thread._is_stopped)
    except AttributeError:  # not imported, or half
        return False
