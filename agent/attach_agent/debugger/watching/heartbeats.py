"""Who else watches this process, and ends it when it seems to hang: gunicorn's arbiter, systemd, uWSGI, celery."""

from __future__ import annotations

import posix
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

#: The signals for which a worker of gunicorn may have a handler that is a method of it, but for gasgi's.
SIGNALS = ("SIGABRT", "SIGUSR1", "SIGTERM", "SIGQUIT", "SIGINT", "SIGWINCH")


class Heartbeat:
    """A worker's sign of life for gunicorn's arbiter, which ends one that has given none for `timeout` seconds.

    It is the time of a file that both have open (gunicorn/workers/workertmp.py). The main loop of the worker touches
    it, so a worker lives for as long as that thread runs, whatever becomes of its others.
    """

    def __init__(self, worker: Any) -> None:
        self._file = worker.tmp
        self.timeout = float(worker.cfg.timeout)
        # before gunicorn 21 the time is that of the file's mode, which was changed to and fro
        self._clock = time.time if hasattr(worker.tmp, "spinner") else time.monotonic

    def left(self) -> float:
        """Seconds until the arbiter ends the worker."""
        last: float = self._file.last_update()
        return self.timeout - (self._clock() - last)

    def touch(self) -> None:
        """Give a sign of life."""
        self._file.notify()


def gunicorn_heartbeat() -> Heartbeat | None:
    """That of this process, if it is a worker of gunicorn with a time limit."""
    arbiter: Any = sys.modules.get("gunicorn.arbiter")
    if arbiter is None:
        return None
    for worker in (_by_signals(), _by_frames(arbiter)):
        try:
            if worker is not None and worker.pid == posix.getpid() and worker.cfg.timeout:
                heartbeat = Heartbeat(worker)
                heartbeat.left()
                return heartbeat
        except Exception:  # a worker unlike those we know
            continue
    return None


def _by_signals() -> Any:
    """gevent's main loop is on no stack while another greenlet runs; but its worker handles signals."""
    signal: Any = sys.modules.get("_signal")
    for name in SIGNALS if signal is not None else ():
        owner = getattr(signal.getsignal(getattr(signal, name)), "__self__", None)
        if hasattr(owner, "tmp") and hasattr(owner, "cfg"):
            return owner
    return None


def _by_frames(arbiter: Any) -> Any:
    """gunicorn's own ASGI worker handles signals by asyncio; but its main loop is always on the main thread's stack."""
    spawning = getattr(arbiter.Arbiter.spawn_worker, "__code__", None)
    *_, oldest = sys._current_frames().values()  # newest thread first
    frame: FrameType | None = oldest
    while frame is not None:
        if frame.f_code is spawning:
            return frame.f_locals.get("worker")
        frame = frame.f_back
    return None


def others() -> list[str]:
    """What the operator should know of those whose limits cannot be kept away from here."""
    return [note for note in (_systemd(), _uwsgi(), _celery()) if note]


def _systemd() -> str:
    """sd_watchdog_enabled(3)"""
    limit, pid = posix.environ.get(b"WATCHDOG_USEC", b""), posix.environ.get(b"WATCHDOG_PID", b"")
    if not limit.isdigit() or (pid and pid != b"%d" % posix.getpid()):
        return ""
    return "systemd ends this service if it gives no sign of life for %g s (WatchdogSec=)" % (int(limit) / 1e6)


def _uwsgi() -> str:
    options = getattr(sys.modules.get("uwsgi"), "opt", None)
    limit = options.get("harakiri") or options.get(b"harakiri") if isinstance(options, dict) else None
    if not isinstance(limit, bytes) or not limit.isdigit():
        return ""
    return "uWSGI ends this worker if a request takes %d s (harakiri)" % int(limit)


def _celery() -> str:
    """The limits are kept by the parent of a pool's process, and may be a task's own: they are not known here."""
    process = getattr(sys.modules.get("billiard.process"), "_current_process", None)
    if "celery" not in sys.modules or process is None or type(process).__name__ == "_MainProcess":
        return ""
    return "a task with a time limit is ended by celery when that is over, stopped or not (time_limit)"
