"""What another thread does at this moment: its stack, its native id, and whether it waits for something."""

from __future__ import annotations

import posix
import sys
import time
from itertools import accumulate, chain, repeat, starmap, takewhile

from ...stacks import paused_collection
from .request import is_passed_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator

#: A thread that has not moved for so many seconds in a system call is blocked. One that waits for the GIL moves: it
#: looks at it again after each switch interval (Python/ceval_gil.c, take_gil).
SETTLED = 0.02
_MOST_SETTLED = 0.5


def walk(ident: int) -> Iterator[FrameType]:
    """The frames of this thread, innermost first: to be consumed by one call into C, as in ``stacks``."""
    top = map(dict.get, starmap(sys._current_frames, ((),)), (ident,))
    return takewhile(bool, accumulate(chain(top, repeat("f_back")), getattr))  # type: ignore[arg-type]


def stack(ident: int) -> list[FrameType]:
    """The frames of this thread at one instant; empty if it runs no Python. The caller must drop them soon."""
    with paused_collection():
        return list(walk(ident))


def native_id(ident: int) -> int:
    """Linux' id of this thread; 0 if no such thread runs Python.

    pthread_getcpuclockid(3) tells, as Linux makes the number of a thread's clock out of its id. The thread must exist
    when it is asked: one that is in Python cannot end while we have the GIL.
    """
    found = filter((ident).__eq__, chain.from_iterable(starmap(sys._current_frames, ((),))))
    clocks = list(map(time.pthread_getcpuclockid, found))
    return ~(clocks[0] >> 3) if clocks else 0


class Sight:
    """One thread, looked at again and again."""

    def __init__(self, ident: int) -> None:
        self._ident = ident
        self._tid = native_id(ident)
        self._before: tuple[Any, ...] = ()
        self._since = 0.0
        self._settled = max(SETTLED, min(2 * sys.getswitchinterval(), _MOST_SETTLED))

    def is_main(self) -> bool:
        return self._tid == posix.getpid()

    def system_call(self) -> list[bytes]:
        """The one that it is asleep in, number and arguments first, as in proc(5); empty if it runs."""
        call = self._read("syscall").split()
        return call if call and call[0].isdigit() else []  # else "running", or -1: it is not in a system call

    def blocked_signals(self) -> int:
        """As a mask."""
        return int((self._read("status").partition(b"\nSigBlk:")[2].split() or [b"0"])[0], 16)

    def is_blocked(self) -> bool:
        """Has it been in one and the same wait for `SETTLED` seconds?"""
        now = time.monotonic()
        found = self._look()
        if found != self._before or not found:
            self._before, self._since = found, now
            return False
        return now - self._since >= self._settled

    def _look(self) -> tuple[Any, ...]:
        """Where it waits, in the kernel and in Python; empty if it does not, or if nobody can tell."""
        call = self.system_call()
        if not call:
            return ()
        switches = [line for line in self._read("status").splitlines() if b"ctxt_switches" in line]
        frames = stack(self._ident)
        return (call, switches, len(frames), *((frame.f_code, frame.f_lasti) for frame in frames[:1]))

    def _read(self, name: str) -> bytes:
        """A file of proc(5) about the thread; empty where there is none, as in a chroot."""
        try:
            descriptor = posix.open("/proc/self/task/%d/%s" % (self._tid, name), posix.O_RDONLY | posix.O_CLOEXEC)
            try:
                return posix.read(descriptor, 1 << 14)
            finally:
                posix.close(descriptor)
        except Exception:  # an audit hook of the program raises what it likes
            return b""

    def place(self) -> str:
        """The innermost frame of the program."""
        for frame in stack(self._ident):
            code = frame.f_code
            if not is_passed_by(code.co_filename):
                return "blocked in %s at %s:%s" % (code.co_name, code.co_filename, frame.f_lineno)
        return "blocked"


def refusal(ident: int) -> str:
    """Why this thread is not one to stop; empty if it is."""
    frames = stack(ident)
    if not frames:
        return "no thread %d runs Python in this process" % ident
    if frames[-1].f_code.co_filename.startswith("<live-attach>"):
        return "thread %d is one of live-attach's own" % ident
    # each interpreter has builtins of its own; code that was given others does not make up whole stacks
    own = sys.modules["builtins"].__dict__
    if not any(frame.f_builtins is own for frame in frames):
        return "thread %d runs another interpreter" % ident
    return ""
