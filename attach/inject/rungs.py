"""What each rung of the ladder has under way, from one look to the next."""

from attach.errors import (
    AlreadyTraced,
    MethodUnavailable,
    NoSuchProcess,
    ThreadNotStopping,
)
from attach.inject.block import Block, Progress
from attach.inject.borrowing import BLOCKED_MASK, CallFaulted
from attach.inject.injection import Attempt
from attach.inject.memory import MemoryFault
from attach.inject.obstacles import no_thread, refused
from attach.inject.ptrace import ThreadGone
from attach.inject.remote_exec import RemoteExec
from attach.inject.target import Target
from attach.inject.thread_start import NotNow, Start, start_by_pending_call, start_from_parked, take_back
from attach.inject.threads import parked_threads

#: How long PEP 768 may take before the main thread is woken.
_NUDGE_AFTER = 0.05


class ThreadRung:
    """Threads of ours that were started by a borrowed thread, or will be by a pending call."""

    def __init__(self, target: Target, attempt: Attempt) -> None:
        self.target = target
        self.attempt = attempt
        self.starts: list[Start] = []

    def from_parked(self) -> bool:
        """Borrows a parked thread, if there is one. Tells whether a thread is in a system call at all."""
        parked, in_a_call = parked_threads(self.target.process, self.target.machine)
        for tid in parked:
            try:
                start = start_from_parked(self.target, tid, self._block())
            except (NotNow, ThreadGone, CallFaulted) as error:
                self.attempt.step(f"thread {tid} cannot be used: {error or 'it does not wait any more'}")
                continue
            except (ThreadNotStopping, AlreadyTraced) as error:
                self.attempt.obstacle = error
                continue
            self.attempt.disturbed(self.target.process, tid)
            self._started(start, f"thread {tid}, parked in {start.where}, started ours")
            break
        return in_a_call

    def pending_call(self) -> None:
        """Adds a pending call, if none waits yet and the main thread is in a place that allows it."""
        if any(start.pending for start in self.starts):
            return
        try:
            start = start_by_pending_call(self.target, self._block())
        except (NotNow, CallFaulted, ThreadGone):
            return
        except (ThreadNotStopping, AlreadyTraced) as error:
            self.attempt.obstacle = error
            return
        self._started(start, f"pending call added from {start.where}")

    def _block(self) -> Block:
        return Block(self.attempt.source, self.target.process.inner_pid, self.attempt.seconds_left, BLOCKED_MASK)

    def _started(self, start: Start, what: str) -> None:
        self.starts.append(start)
        self.attempt.under_way("ptrace", what, f" (stopped for {start.stopped_ms:.2f} ms)")

    # ---- progress ----

    def _progress(self, start: Start) -> Progress:
        return start.block.report(self.target.memory).progress

    def progress(self) -> list[Progress]:
        """How far each of the threads is."""
        return [self._progress(start) for start in self.starts]

    def runs(self) -> bool:
        """Whether a thread of ours exists, so that no other has to be started."""
        return any(not start.pending or self._progress(start) is not Progress.WAITING for start in self.starts)

    def waits_for_gil(self) -> bool:
        """Whether a thread of ours is waiting for the GIL."""
        return Progress.ENTERED in self.progress()

    def check(self) -> bool:
        """Looks how far the started threads are. True if one has left; raises what went wrong in one."""
        for start in self.starts:
            report = start.block.report(self.target.memory)
            if report.progress is Progress.FAILED:
                raise refused(self.target.process, report.text)
            if report.progress is Progress.NO_THREAD:
                raise no_thread(self.target.process, report.create_error)
            if report.progress is Progress.LEFT:
                return True
        return False

    def take_back(self) -> None:
        """Sees to it that what has not run never runs. Every failure is put into `leftovers`."""
        for start in self.starts:
            try:
                take_back(self.target, start)
            except (CallFaulted, ThreadGone, ThreadNotStopping, AlreadyTraced, NoSuchProcess, MemoryFault):
                self.attempt.left_behind("a request that does nothing any more")
                continue
            if start.pending and self._progress(start) is Progress.WAITING:
                # the main thread fell asleep before it ran our pending call: that cannot be taken out of its queue
                size = start.block.total >> 10
                self.attempt.left_behind(f"{size} KB that unmap themselves when the main thread runs Python")


class RequestRung:
    """The request of PEP 768, if one was made."""

    def __init__(self, target: Target, attempt: Attempt) -> None:
        self.target = target
        self.attempt = attempt
        #: Why it cannot be used here; known after the first `climb`.
        self.unavailable: MethodUnavailable | None = None
        self.remote: RemoteExec | None = None
        self._requested_at = 0.0
        self._nudged = False

    def climb(self, waited: float, *, wake: bool) -> bool:
        """Makes the request, or later, with `wake`, wakes the main thread for it. False where PEP 768 cannot be used.

        `waited`: how many seconds have passed since the first look.
        """
        if self.unavailable:
            return False
        if self.remote is None:
            return self._request(waited)
        if wake and not self._nudged and waited - self._requested_at > _NUDGE_AFTER:
            self._nudged = True
            if self.remote.nudge():
                self.attempt.step("woke the main thread")
        return True

    def _request(self, waited: float) -> bool:
        try:
            remote = RemoteExec(self.target, self.attempt.source, self.attempt.seconds_left)
        except MethodUnavailable as error:
            self.unavailable = error
            self.attempt.note(error.message)
            return False
        try:
            what = remote.start()
        except (ThreadNotStopping, AlreadyTraced) as error:
            self.attempt.obstacle = error
            remote.finish()
            return False
        except BaseException:
            remote.finish()
            raise
        self.remote = remote
        self._requested_at = waited
        self._nudged = "woken" in what
        self.attempt.under_way("remote-exec", f"requested from {what}")
        if self._nudged:
            self.attempt.disturbed(self.target.process, self.target.process.pid)
        return True

    def check(self) -> None:
        """Raises what our source raised."""
        text = self.remote.error() if self.remote else ""
        if text:
            raise refused(self.target.process, text)

    def take_back(self) -> None:
        """Takes back what nobody took. A failure is put into `leftovers`."""
        if self.remote:
            try:
                self.remote.finish()
            except (ThreadNotStopping, AlreadyTraced):
                self.attempt.left_behind("a request of PEP 768 whose script is gone")
