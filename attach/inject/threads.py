"""Which thread to borrow: one parked in a system call, where it holds no lock of the C library."""

from collections.abc import Iterator

from attach.errors import NoSuchProcess
from attach.inject.machine import Machine, Wait
from attach.process import Process


def parked_threads(process: Process, machine: Machine) -> tuple[list[int], bool]:
    """The threads that wait in a suitable system call, best first, by /proc/PID/task/TID/syscall; nobody is
    stopped.

    Second: whether any thread is inside a system call at all; then one may be about to wait.

    The main thread comes last: a signal that arrives while it is stopped would be given to another thread,
    and then CPython would run its handler only after the main thread's wait.
    """
    parked: list[int] = []
    in_a_call = False
    for tid, wait in threads_in_calls(process, machine):
        in_a_call = True
        if wait:
            parked.append(tid)
            if len(parked) >= 4:
                break
    return parked, in_a_call


def threads_in_calls(process: Process, machine: Machine) -> Iterator[tuple[int, Wait | None]]:
    """The threads that are in a system call, the main thread last, each with the wait if it is a suitable one."""
    tids = process.tids()
    for tid in [*tids[1:], tids[0]]:
        try:
            fields = process.read(f"task/{tid}/syscall").split()
        except (NoSuchProcess, OSError):
            continue
        if not fields or fields[0] == b"running":
            continue
        number = int(fields[0])
        if number < 0:
            continue
        arguments = tuple(int(field, 16) for field in fields[1:7])
        yield tid, machine.wait_named(number, arguments) if len(arguments) == 6 else None
