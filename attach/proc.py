"""The /proc that we read: whose numbers and whose clock it shows."""

import functools
import os

from attach.errors import OtherProc


def check_proc() -> None:
    """/proc is that of our own PID namespace, so that its numbers are those of the system calls.

    Raises `OtherProc`: by the PIDs of another namespace we would stop processes that have nothing to do with it.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            ours = [line.split()[1:] for line in status if line.startswith("NSpid:")]
    except FileNotFoundError:  # we do not exist there
        raise OtherProc from None
    if ours and ours[0] != [str(os.getpid())]:  # the ids from that namespace down to ours
        raise OtherProc


@functools.cache
def boottime_offset() -> int:
    """By how much our time namespace shifts the time since boot, in nanoseconds (time_namespaces(7))."""
    try:
        with open("/proc/self/timens_offsets", encoding="ascii") as file:
            for line in file:
                clock, seconds, nanoseconds = line.split()
                if clock == "boottime":
                    return int(seconds) * 1_000_000_000 + int(nanoseconds)
    except FileNotFoundError:  # before Linux 5.6
        pass
    return 0
