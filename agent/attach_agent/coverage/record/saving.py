"""Writes what was recorded to a data file at intervals, so that a process that is killed loses little of it."""

from __future__ import annotations

import _thread
import posix
import time

from ...errors import AgentError
from .datafile import DataFile, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .periods import History

#: How long the end of the process waits for a write that is under way, in seconds.
PATIENCE_AT_EXIT = 10.0


class Saver:
    """Writes `history` every so many seconds from `start` until `stop`, if anything ran since the last time.

    Raises AgentError: ``saving-unavailable``, or ``data-file-not-writable``, found out by writing.
    """

    def __init__(
        self,
        history: History,
        path: str,
        every: float,
        native: Callable[..., Any],
        pause: Callable[[float], object],
    ) -> None:
        """`native` and `pause` are those of `Coverage`."""
        self.every = every
        self._history = history
        self._native = native
        self._pause = pause
        self._pid = posix.getpid()
        #: What was written last, and when (time.monotonic).
        self._saved: tuple[int, int] | None = None
        self._saved_at: float | None = None
        self._next_at = 0.0
        self._error = ""
        self._lock = native(_thread, "allocate_lock", "allocate")()
        self._wake = native(_thread, "allocate_lock", "allocate")()
        self._wake.acquire()
        self._active = self._running = False
        try:
            self.file = DataFile(path)
            self.file.try_out()
        except AgentError:
            raise
        except Exception as error:
            place = path or "its working directory"
            raise AgentError("data-file-not-writable", "%s: %s" % (place, reason(error))) from None

    def start(self) -> None:
        """Raises AgentError ``no-thread``."""
        self._running = True
        self._next_at = time.monotonic() + self.every
        try:
            self._native(_thread, "start_new_thread", "start_new")(self._run, ())
        except RuntimeError as error:
            self._running = False
            raise AgentError("no-thread", "the process cannot start one more thread: %s" % error) from None
        self._active = True
        # The program's own, not one that only we know (`boot.get`): before 3.10 an interpreter calls only the last one.
        import atexit

        self._at_exit = self._save_at_exit
        atexit.register(self._at_exit)

    def stop(self) -> None:
        """Write a last time; no thread and no hook remain."""
        if not self._active:
            return
        self._active = False
        import atexit

        atexit.unregister(self._at_exit)
        if posix.getpid() != self._pid:  # a forked child: the thread is the parent's, and so is the file
            return
        self._wake.release()
        while self._running:
            self._pause(0.001)
        with self._lock:
            self._save()

    def status(self) -> tuple[tuple[str, Any], ...]:
        """`ago` and `next`: seconds since it was written and until it will be; -1 for never."""
        now = time.monotonic()
        return (
            ("path", self.file.path),
            ("every", self.every),
            ("active", self._active),
            ("ago", -1.0 if self._saved_at is None else now - self._saved_at),
            ("next", max(0.0, self._next_at - now) if self._active else -1.0),
            ("error", self._error),
        )

    def _run(self) -> None:
        try:
            while not self._wake.acquire(True, max(0.0, self._next_at - time.monotonic())):
                with self._lock:
                    self._save()
                self._next_at = time.monotonic() + self.every
        finally:
            self._running = False

    def _save_at_exit(self) -> None:
        """Called by the process at its orderly end, after its threads have ended; by a forked child, too."""
        if posix.getpid() == self._pid and self._lock.acquire(True, PATIENCE_AT_EXIT):
            try:
                self._save()
            finally:
                self._lock.release()

    def _save(self) -> None:
        """Write the file if anything ran since the last time; a failure is remembered, and tried again next time."""
        self._history.collect()
        # between two changes of the history sets only grow
        state = self._history.changes, self._history.recording.totals()[1]
        if state == self._saved or (self._saved is None and self._history.totals() == (0, 0)):
            return
        self._error = self._history.recording.spoiled
        if self._error:
            return
        try:
            self.file.write(self._history)
        except Exception as error:  # whatever it is: it is the operator's to hear, not the program's stderr's
            self._error = reason(error)
            return
        self._saved = state
        self._saved_at = time.monotonic()
