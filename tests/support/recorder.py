"""Which system calls a process makes, seen through seccomp's user notification (seccomp_unotify(2)).

strace would not do: a process that is attached to cannot be traced by another.
"""

import ctypes
import fcntl
import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.filters import ALLOW, USER_NOTIF, give, if_equal, load

_RECEIVE, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1  # SECCOMP_IOCTL_NOTIF_*, SECCOMP_USER_NOTIF_FLAG_CONTINUE
_NOTIFICATION, _ANSWER = struct.Struct("<QIIiIQ6Q"), struct.Struct("<QqiI")
_SYS_PIDFD_GETFD = 438
_WRITE = 1

#: Asks the listener about everything but what the program needs to tell which descriptor that is.
ASK = load(0) + if_equal(_WRITE, load(16) + if_equal(1, give(ALLOW)) + give(USER_NOTIF)) + give(USER_NOTIF)


@dataclass(frozen=True)
class Made:
    """One system call: its number, all six arguments whether used or not, and the name of its thread."""

    number: int
    arguments: tuple[int, ...]
    thread: str


@contextmanager
def recording(pid: int, descriptor: int) -> Iterator[list[Made]]:
    """Lets all calls of `pid` go on and collects them; `descriptor` is the listener's in that process."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    listener = libc.syscall(_SYS_PIDFD_GETFD, pidfd, descriptor, 0)
    assert listener >= 0, os.strerror(ctypes.get_errno())
    found: list[Made] = []
    over = threading.Event()
    thread = threading.Thread(target=_record, args=(pid, listener, found, over))
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        os.close(listener)
        os.close(pidfd)


def _record(pid: int, listener: int, found: list[Made], over: threading.Event) -> None:
    asked = select.poll()
    asked.register(listener, select.POLLIN)
    while not over.is_set():
        if not asked.poll(20):
            continue
        notification = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, notification)
            key, tid, _, number, _, _, *arguments = _NOTIFICATION.unpack(notification)
            with open(f"/proc/{pid}/task/{tid}/comm") as name:
                found.append(Made(number, tuple(arguments), name.read().strip()))
            fcntl.ioctl(listener, _SEND, bytearray(_ANSWER.pack(key, 0, 0, _CONTINUE)))
        except OSError:
            continue  # the call was interrupted, or its thread has ended
