"""Trying out, in a child of our own, what the seccomp filters that we are under do to the calls of system_calls.py."""

import ctypes
import errno
import os
import select
import signal
import struct
import time
from collections.abc import Sequence

from attach.inject.bpf import Action, Answer
from attach.inject.system_calls import Call

_SECONDS = 2.0
_REPORT = struct.Struct("<i")
#: What filters answer with. The calls themselves fail with EFAULT, EBADF or EINVAL, or succeed.
_OF_A_FILTER = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})

_libc = ctypes.CDLL(None, use_errno=True)


def try_out(calls: Sequence[Call]) -> list[tuple[Call, Answer]]:
    """What each call meets with, up to the first that kills the child.

    Each is made with arguments with which it does nothing. A call that does not come back within 2 s, as under a
    supervisor, counts as `Action.USER_NOTIF`.
    """
    ordered = sorted(calls, key=lambda call: call.name == "exit")  # which ends the child
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for call in ordered:
                os.write(writing, _REPORT.pack(_error_of(call)))
        finally:
            os._exit(1)
    os.close(writing)
    try:
        errors, in_time = _reports(reading)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)  # it has ended, or does not come back; not reaped, so the PID is still its own
        _, status = os.waitpid(child, 0)
    answers = [Answer(Action.ERRNO, error) if error in _OF_A_FILTER else Answer(Action.ALLOW) for error in errors]
    if len(answers) < len(ordered):
        left = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 and ordered[len(answers)].name == "exit"
        answers.append(Answer(Action.ALLOW if left else Action.KILL_PROCESS if in_time else Action.USER_NOTIF))
    return list(zip(ordered, answers, strict=False))


def _error_of(call: Call) -> int:
    """Makes the call, and gives its errno, 0 for success."""
    if call.name == "rt_sigreturn":
        # only a signal handler can return
        signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
        signal.raise_signal(signal.SIGUSR1)
        return 0
    ctypes.set_errno(0)
    arguments = [ctypes.c_long(value) for value in call.harmless]
    return ctypes.get_errno() if _libc.syscall(ctypes.c_long(call.number), *arguments) == -1 else 0


def _reports(reading: int) -> tuple[list[int], bool]:
    """The errors that the child has written until it ended, and whether it ended in time."""
    end = time.monotonic() + _SECONDS
    found = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, end - time.monotonic()))
        part = os.read(reading, 4096) if ready else b""
        if not part:
            return [error for (error,) in _REPORT.iter_unpack(found[: len(found) // 4 * 4])], bool(ready)
        found += part
