"""Which way in, in which order, and when to try the next one.

1. A thread parked in a system call starts our thread. One thread is stopped, for about a millisecond; no
file. 2. PEP 768, where nobody is parked and CPython is 3.14 or later. 3. A pending call, where nobody is
parked and the main thread is in the evaluation loop.

While nothing has started, 1 is tried again and again, because threads come and go. See docs/decisions/0002.
4. pyrasite, only on machines for which there is no `Machine`.
"""

import time
from collections.abc import Callable

from attach.errors import (
    AttachError,
    BootstrapFailed,
    BootstrapSilent,
    GilHeld,
    MethodUnavailable,
    NoEvaluationPoint,
    TargetExited,
    UnsupportedMachine,
)
from attach.inject.block import Progress
from attach.inject.injection import Attempt, Injection
from attach.inject.memory import MemoryFault
from attach.inject.preflight import open_target
from attach.inject.pyrasite import inject_by_pyrasite, why_unavailable
from attach.inject.rungs import RequestRung, ThreadRung
from attach.inject.target import Target
from attach.inject.threads import BETWEEN_WAITS
from attach.inject.tracer import in_tracer_thread
from attach.process import Process

METHODS = ("auto", "ptrace", "remote-exec", "pyrasite")

_POLL = 0.0005
#: How long PEP 768 may take before another way is tried.
_GIVE_UP_AFTER = 0.2
#: How long our thread may wait for the GIL before PEP 768 is tried as well: it gets into some C loops.
_GIL_PATIENCE = 0.25
#: A look costs the target little: so often at first, then ever more rarely.
_EAGER_SECONDS, _LOOK_AGAIN_MOST = 0.3, 0.25
#: How long after the end of the source its arrival may still be seen.
_SILENCE = 2.0


def inject(
    process: Process,
    source: str,
    arrived: Callable[[], bool],
    *,
    method: str = "auto",
    timeout: float = 10.0,
    force: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> Injection:
    """Runs Python `source` once inside `process`, in a fresh namespace, and returns when `arrived()` is true.

    The source must be harmless when it is run twice. `arrived` is asked about every half millisecond; it is
    the only measure of success. `method` is one of `METHODS`; `timeout` is in seconds; `force` attaches in
    spite of a seccomp filter, unjudged; `log` gets one line a step. Raises a subclass of `AttachError`. Afterwards
    nothing of ours is left in the process: no mapping, no file, no request.
    """
    if method not in METHODS:
        raise MethodUnavailable(method, f"the methods are {', '.join(METHODS)}")
    attempt = Attempt(source, arrived, method, timeout, log)
    try:
        target = open_target(process, force=force, note=attempt.note)
    except UnsupportedMachine:
        if method not in ("auto", "pyrasite") or why_unavailable(process):
            raise
        return inject_by_pyrasite(process, attempt)
    try:
        if method == "pyrasite":
            return inject_by_pyrasite(process, attempt)
        return in_tracer_thread(_Ladder(target, attempt).run, attempt.cancel)
    except MemoryFault:
        if not process.alive():
            raise TargetExited(process.pid) from None
        raise
    finally:
        target.memory.close()


class _Ladder:
    """The attempts of one injection. Several may be under way: the source runs once, whoever comes first."""

    def __init__(self, target: Target, attempt: Attempt) -> None:
        self.target = target
        self.attempt = attempt
        self.threads = ThreadRung(target, attempt)
        self.request = RequestRung(target, attempt)
        self._left_at: float | None = None
        attempt.step(f"looked at process {target.process.pid}: CPython {target.runtime.version}")

    def run(self) -> Injection:
        try:
            self._climb()
        finally:
            self.request.take_back()
            self.threads.take_back()
        self.attempt.let_settle(self.target.process)
        return self.attempt.injection

    def _climb(self) -> None:
        if self.attempt.method != "remote-exec":
            self.target.prepare()
            self.attempt.step("found its functions")
        first = time.perf_counter()
        look_at, pause = first, 0.001
        while True:
            now = time.perf_counter()
            if now >= look_at:
                self._look(now - first)
                pause = pause if now - first < _EAGER_SECONDS else min(pause * 1.5, _LOOK_AGAIN_MOST)
                look_at = time.perf_counter() + pause
            if self._has_arrived():
                return
            if not self.attempt.seconds_left:
                raise self._timed_out()
            time.sleep(_POLL)

    def _look(self, waited: float) -> None:
        """Takes the next step that is due `waited` seconds after the first."""
        method = self.attempt.method
        if method == "remote-exec":
            if not self.request.climb(waited, wake=True) and self.request.unavailable:
                raise self.request.unavailable
            return
        if self.threads.runs():
            if waited > _GIL_PATIENCE and method == "auto" and self.threads.waits_for_gil():
                self.request.climb(waited, wake=False)
            return
        in_a_call = self.threads.from_parked()
        if self.threads.starts or (in_a_call and waited < BETWEEN_WAITS):
            return
        if method == "auto" and self.request.climb(waited, wake=True) and waited < _GIVE_UP_AFTER:
            return
        self.threads.pending_call()

    def _has_arrived(self) -> bool:
        pid = self.target.process.pid
        if self.attempt.arrived():
            self.attempt.step("arrived")
            return True
        if not self.target.process.alive():
            raise TargetExited(pid)
        left = self.threads.check()
        self.request.check()
        if left and self._left_at is None:
            self._left_at = time.perf_counter()
        # A second run that finds the first one under way ends at once: only when nothing comes for long is it silence.
        if self._left_at is not None and time.perf_counter() - self._left_at > _SILENCE:
            raise BootstrapFailed(pid, "it ended without a report")
        return False

    def _timed_out(self) -> AttachError:
        pid, timeout = self.target.process.pid, self.attempt.timeout
        progress = self.threads.progress()
        if Progress.RUNNING in progress:
            return BootstrapSilent(pid, timeout)
        if Progress.ENTERED in progress or Progress.ABORTED in progress:
            return GilHeld(pid, timeout)
        if self.attempt.obstacle and not self.threads.starts and not self.request.remote:
            return self.attempt.obstacle
        return NoEvaluationPoint(pid, timeout)
