"""The thread of this program that traces.

The kernel binds a tracee to the thread that seized it, and lets the tracee go when that thread ends: whether it is
stopped or running, which nothing else can do for a running one. So all of an injection happens in a thread of its own.
Whatever fails there, when it has ended nothing is traced any more. And Ctrl-C, which Python delivers to the main thread
at any line, cannot come between two steps. The thread has a name by which another live-attach knows that it need only
wait.

A thread of the target that is held waits for this thread at each step, some twenty times: where every processor is
taken, each of them takes as long as the scheduler lets us wait. So this thread goes before others, where the kernel
permits that (setpriority(2): root may).
"""

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from attach.process import TRACER_NAME, Process

T = TypeVar("T")

_FIRST = -20  # the nice value of who goes before all others
#: Another live-attach needs milliseconds for a thread, or more where every processor is taken.
_OURS_SECONDS = 2.0


class _Outcome(Generic[T]):
    """What the work gave or raised. `run` does the work once, however often it is called."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._claim = threading.Lock()
        self.ended = threading.Event()

    @property
    def begun(self) -> bool:
        return self._claim.locked()

    def run(self) -> None:
        if not self._claim.acquire(blocking=False):
            return
        with contextlib.suppress(OSError), open("/proc/thread-self/comm", "w", encoding="ascii") as name:
            name.write(TRACER_NAME)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _FIRST)
        try:
            self._value.append(self._work())
        except BaseException as error:  # raised again in the thread that waits
            self._error = error
        finally:
            self.ended.set()

    def get(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value[0]


def in_tracer_thread(work: Callable[[], T], cancel: Callable[[], None]) -> T:
    """Gives what `work` returns, or raises what it raises, from a thread of its own.

    An exception that comes while we wait, as KeyboardInterrupt, calls `cancel`, which should make `work` end soon; it
    is raised when the work has ended.
    """
    outcome = _Outcome(work)
    interruption: BaseException | None = None
    while True:
        try:
            if not outcome.begun:  # else we were interrupted while we started it
                threading.Thread(target=outcome.run, name="live-attach tracer").start()
            # not Thread.join: interrupted by Ctrl-C, in 3.11 and 3.12, it takes the thread for ended
            outcome.ended.wait()
            break
        except BaseException as error:
            interruption = error
            cancel()
    if interruption is not None:
        raise interruption
    return outcome.get()


def worth_waiting(process: Process, tid: int, waited: float, patience: float) -> bool:
    """Whether the tracer of a thread, after `waited` seconds, may still let go soon.

    Any other program has `patience` seconds for that, another live-attach has more.
    """
    return waited <= patience or (waited <= _OURS_SECONDS and process.traced_by_attach(tid))
