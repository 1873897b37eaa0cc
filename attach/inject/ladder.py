"""Which way in, in which order, and when to try the next one.

1. A thread parked in a system call starts our thread. One thread is stopped, for about a millisecond; no
file. 2. PEP 768, where nobody is parked and CPython is 3.14 or later. 3. A pending call, where nobody is
parked and the main thread is in the evaluation loop.

While nothing has started, 1 is tried again and again, because threads come and go. See docs/decisions/0002.
"""

import contextlib
import time
from collections.abc import Callable

from attach.errors import (
    AlreadyTraced,
    BootstrapFailed,
    BootstrapSilent,
    GilHeld,
    MethodUnavailable,
    NoEvaluationPoint,
    NoSuchProcess,
    TargetExited,
    ThreadNotStopping,
)
from attach.inject.block import Block, Progress
from attach.inject.borrowing import BLOCKED_MASK, CallFaulted
from attach.inject.injection import Injection, Request
from attach.inject.memory import MemoryFault
from attach.inject.preflight import open_target
from attach.inject.ptrace import ThreadGone
from attach.inject.remote_exec import RemoteExec
from attach.inject.target import Target
from attach.inject.thread_start import NotNow, Start, no_thread, start_by_pending_call, start_from_parked, take_back
from attach.inject.threads import parked_threads
from attach.inject.tracer import in_tracer_thread
from attach.process import Process

METHODS = ("auto", "remote-exec", "ptrace")

_POLL = 0.0005
#: How long PEP 768 may take before the main thread is woken, and before another way is tried.
_NUDGE_AFTER, _GIVE_UP_AFTER = 0.05, 0.2
#: How long our thread may wait for the GIL before PEP 768 is tried as well: it gets into some C loops.
_GIL_PATIENCE = 0.25
#: A look costs the target little: so often at first, then ever more rarely.
_EAGER_SECONDS, _LOOK_AGAIN_MOST = 0.3, 0.25
#: How long after the end of the source its arrival may still be seen.
_SILENCE = 2.0
#: How long to wait for a borrowed thread to be back where it came from.
_SETTLE_SECONDS = 0.05
#: A thread between two waits is parked again within this time.
_BETWEEN_WAITS = 0.02


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
    spite of a seccomp filter; `log` gets one line a step. Raises a subclass of `AttachError`. Afterwards
    nothing of ours is left in the process: no mapping, no file, no request.
    """
    if method not in METHODS:
        raise MethodUnavailable(method, f"the methods are {', '.join(METHODS)}")
    begin = time.perf_counter()
    target = open_target(process, force=force)
    try:
        ladder = _Ladder(target, Request(source, arrived, method, timeout, log), begin)
        return in_tracer_thread(ladder.run, ladder.cancel)
    except MemoryFault:
        if not process.alive():
            raise TargetExited(process.pid) from None
        raise
    finally:
        target.memory.close()


class _Ladder:
    """The attempts of one injection. Several may be under way: the source runs once, whoever comes first."""

    def __init__(self, target: Target, request: Request, begin: float) -> None:
        self.target = target
        self.source = request.source
        self.arrived = request.arrived
        self.method = request.method
        self.timeout = request.timeout
        self.log = request.log
        self.starts: list[Start] = []
        self._borrowed: dict[int, int] = {}
        self.remote: RemoteExec | None = None
        self.injection = Injection("", "")
        self._last = begin
        self._deadline = begin + request.timeout
        self._obstacle: ThreadNotStopping | AlreadyTraced | None = None
        self._left_at: float | None = None
        self._step(f"looked at process {target.process.pid}: CPython {target.runtime.version}")

    def _step(self, what: str) -> None:
        now = time.perf_counter()
        self.injection.steps.append((what, (now - self._last) * 1e3))
        self.log(f"{(now - self._last) * 1e3:8.2f} ms  {what}")
        self._last = now

    def cancel(self) -> None:
        """Makes `run` end soon, as if the time were up. Called from another thread."""
        self._deadline = 0.0

    def run(self) -> Injection:
        try:
            self._climb()
        finally:
            self._clean_up()
        self._let_settle()
        return self.injection

    def _climb(self) -> None:
        if self.method != "remote-exec":
            self.target.prepare()
            self._step("found its functions")
        first = time.perf_counter()
        look_at, pause = first, 0.001
        while True:
            now = time.perf_counter()
            if now >= look_at:
                self._try_next(now - first)
                pause = pause if now - first < _EAGER_SECONDS else min(pause * 1.5, _LOOK_AGAIN_MOST)
                look_at = time.perf_counter() + pause
            if self._has_arrived():
                return
            if now >= self._deadline:
                raise self._timed_out()
            time.sleep(_POLL)

    def _has_arrived(self) -> bool:
        if self.arrived():
            self._step("arrived")
            return True
        if not self.target.process.alive():
            raise TargetExited(self.target.process.pid)
        left = self._check_starts()
        if self.remote:
            text = self.remote.error()
            if text:
                raise BootstrapFailed(self.target.process.pid, text)
        if left and self._left_at is None:
            self._left_at = time.perf_counter()
        # A second run that finds the first one under way ends at once: only when nothing comes for long is it silence.
        if self._left_at is not None and time.perf_counter() - self._left_at > _SILENCE:
            raise BootstrapFailed(self.target.process.pid, "it ended without a report")
        return False

    def _check_starts(self) -> bool:
        """Looks how far the started threads are. True if one has left."""
        for start in self.starts:
            report = start.block.report(self.target.memory)
            if report.progress is Progress.FAILED:
                raise BootstrapFailed(self.target.process.pid, report.text)
            if report.progress is Progress.NO_THREAD:
                raise no_thread(self.target, report.create_error)
            if report.progress is Progress.LEFT:
                return True
        return False

    # ---- the rungs ----

    def _try_next(self, waited: float) -> None:
        """Takes the next step that is due `waited` seconds after the first."""
        if self.method == "remote-exec":
            self._remote_exec(waited)
            return
        thread = next((start for start in self.starts if self._entered(start)), None)
        if thread is not None:
            if waited > _GIL_PATIENCE and self.method == "auto" and self._waits_for_gil(thread):
                self._remote_exec(waited)
            return
        in_a_call = self._from_parked()
        if self.starts or (in_a_call and waited < _BETWEEN_WAITS):
            return
        if self.method == "auto" and self._remote_exec(waited) and waited < _GIVE_UP_AFTER:
            return
        self._pending_call()

    def _entered(self, start: Start) -> bool:
        return not start.pending or start.block.report(self.target.memory).progress != Progress.WAITING

    def _waits_for_gil(self, start: Start) -> bool:
        return start.block.report(self.target.memory).progress is Progress.ENTERED

    def _block(self) -> Block:
        left = max(self._deadline - time.perf_counter(), 0.0)
        return Block(self.source, self.target.process.inner_pid, left, BLOCKED_MASK)

    def _from_parked(self) -> bool:
        """Borrows a parked thread, if there is one. Tells whether a thread is in a system call at all."""
        parked, in_a_call = parked_threads(self.target.process, self.target.machine)
        for tid in parked:
            try:
                start = start_from_parked(self.target, tid, self._block())
            except (NotNow, ThreadGone, CallFaulted) as error:
                self._step(f"thread {tid} cannot be used: {error or 'it does not wait any more'}")
                continue
            except (ThreadNotStopping, AlreadyTraced) as error:
                self._obstacle = error
                continue
            self._started(start, f"thread {tid}, parked in {start.where}, started ours")
            break
        return in_a_call

    def _pending_call(self) -> None:
        if any(start.pending for start in self.starts):
            return
        try:
            start = start_by_pending_call(self.target, self._block())
        except (NotNow, CallFaulted):
            return
        except (ThreadNotStopping, AlreadyTraced) as error:
            self._obstacle = error
            return
        except ThreadGone:
            return
        self._started(start, f"pending call added from {start.where}")

    def _started(self, start: Start, what: str) -> None:
        self.starts.append(start)
        if not start.pending:
            self._remember_borrowed(start.tid)
        self.injection.method, self.injection.detail = "ptrace", what
        self._step(f"{what} (stopped for {start.stopped_ms:.2f} ms)")

    def _remember_borrowed(self, tid: int) -> None:
        with contextlib.suppress(NoSuchProcess):
            self._borrowed[tid] = self.target.process.context_switches(tid)

    def _remote_exec(self, waited: float) -> bool:
        """Makes the requests of PEP 768, or wakes the main thread for them. False if that does not exist
        here.
        """
        if self.remote is None:
            try:
                remote = RemoteExec(self.target, self.source, max(self._deadline - time.perf_counter(), 0.0))
            except MethodUnavailable as error:
                if self.method == "remote-exec":
                    raise
                self.log(f"             {error.message}")
                self.method = "ptrace"
                return False
            try:
                what = remote.start()
            except (ThreadNotStopping, AlreadyTraced) as error:
                self._obstacle = error
                remote.finish()
                return False
            except BaseException:
                remote.finish()
                raise
            self.remote = remote
            self._requested_at = waited
            self._nudged = "woken" in what
            self.injection.method, self.injection.detail = "remote-exec", what
            self._step(f"requested from {what}")
            if self._nudged:
                self._remember_borrowed(self.target.process.pid)
        elif not self._nudged and waited - self._requested_at > _NUDGE_AFTER and not self.starts:
            self._nudged = True
            if self.remote.nudge():
                self._step("woke the main thread")
        return True

    # ---- the end ----

    def _timed_out(self) -> Exception:
        pid = self.target.process.pid
        reports = [start.block.report(self.target.memory).progress for start in self.starts]
        if Progress.RUNNING in reports:
            return BootstrapSilent(pid, self.timeout)
        if Progress.ENTERED in reports or Progress.ABORTED in reports:
            return GilHeld(pid, self.timeout)
        if self._obstacle and not self.starts and not self.remote:
            return self._obstacle
        return NoEvaluationPoint(pid, self.timeout)

    def _clean_up(self) -> None:
        """Takes back what has not run. Every failure here is put into `leftovers`, the first error counts."""
        if self.remote:
            try:
                self.remote.finish()
            except (ThreadNotStopping, AlreadyTraced):
                self.injection.leftovers.append("a request of PEP 768 whose script is gone")
        for start in self.starts:
            try:
                take_back(self.target, start)
            except (CallFaulted, ThreadGone, ThreadNotStopping, AlreadyTraced, NoSuchProcess, MemoryFault):
                self.injection.leftovers.append("a request that does nothing any more")

    def _let_settle(self) -> None:
        """Waits until the borrowed threads are back in their waits.

        Until then such a thread could take a signal that was meant for the main thread, and CPython would run the
        handler only after the main thread's wait: for example of a SIGTERM that is sent as soon as we return.
        """
        end = time.perf_counter() + _SETTLE_SECONDS
        for tid, switches in self._borrowed.items():
            while not self.target.process.has_slept(tid, switches) and time.perf_counter() < end:
                time.sleep(_POLL)
