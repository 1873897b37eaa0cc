"""One injection: what is asked, how much time is left, what has been done so far."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from attach.errors import AlreadyTraced, NoSuchProcess, ThreadNotStopping
from attach.process import Process

_POLL = 0.0005
#: How long to wait for a disturbed thread to be back where it came from.
_SETTLE_SECONDS = 0.05


@dataclass(slots=True)
class Injection:
    """How the source got in: the method, a word about it, and each step with its time in milliseconds."""

    method: str
    detail: str
    steps: list[tuple[str, float]] = field(default_factory=list)
    #: What could not be removed from the target, one sentence each; usually empty.
    leftovers: list[str] = field(default_factory=list)


class Attempt:
    """One call of `inject`, from its arguments to its result."""

    def __init__(
        self, source: str, arrived: Callable[[], bool], method: str, timeout: float, log: Callable[[str], None]
    ) -> None:
        self.source = source
        self.arrived = arrived
        self.method = method
        self.timeout = timeout
        self.injection = Injection("", "")
        #: Why no thread could be stopped, if that is what stands in the way.
        self.obstacle: ThreadNotStopping | AlreadyTraced | None = None
        self._log = log
        self._last = time.perf_counter()
        self._deadline = self._last + timeout
        self._disturbed: dict[int, int] = {}

    # ---- time ----

    @property
    def seconds_left(self) -> float:
        """Until the timeout; 0 after it."""
        return max(self._deadline - time.perf_counter(), 0.0)

    def cancel(self) -> None:
        """From now on the time is up. Called from another thread."""
        self._deadline = 0.0

    # ---- what was done ----

    def step(self, what: str) -> None:
        """Something was done, in the time since the last step."""
        now = time.perf_counter()
        self.injection.steps.append((what, (now - self._last) * 1e3))
        self._log(f"{(now - self._last) * 1e3:8.2f} ms  {what}")
        self._last = now

    def note(self, what: str) -> None:
        """Something worth knowing, on a line below the steps."""
        self._log(f"{'':11}  {what}")

    def left_behind(self, what: str) -> None:
        """Something could not be removed from the target; `what` says what."""
        self.injection.leftovers.append(what)
        self.note(f"left behind: {what}")

    def under_way(self, method: str, what: str, note: str = "") -> None:
        """The source is about to be run."""
        self.injection.method, self.injection.detail = method, what
        self.step(what + note)

    # ---- what was disturbed ----

    def disturbed(self, process: Process, tid: int) -> None:
        """A waiting thread was made to do something, and is on its way back into its wait."""
        with contextlib.suppress(NoSuchProcess):
            self._disturbed[tid] = process.context_switches(tid)

    def let_settle(self, process: Process) -> None:
        """Waits until the disturbed threads are back in their waits.

        Until then such a thread could take a signal that was meant for the main thread, and CPython would run the
        handler only after the main thread's wait: for example of a SIGTERM that is sent as soon as we return.
        """
        end = time.perf_counter() + _SETTLE_SECONDS
        for tid, switches in self._disturbed.items():
            while not process.has_slept(tid, switches) and time.perf_counter() < end:
                time.sleep(_POLL)
