"""Which thread to borrow: one parked in a system call, where it holds no lock of the C library."""

from collections.abc import Iterator

from attach.errors import NoSuchProcess
from attach.inject.machine import Call, Machine, Wait
from attach.process import Process

_FIELDS = 9  # number, six arguments, stack pointer, program counter
#: How many threads are tried at one look.
_ENOUGH = 4
#: A thread between two waits is parked again within this time, in seconds.
BETWEEN_WAITS = 0.02


def sleeping_in(process: Process, tid: int) -> Call | None:
    """The system call that the thread is asleep in, None if it runs. Raises `NoSuchProcess`, OSError."""
    fields = process.read(f"task/{tid}/syscall").split()
    if len(fields) != _FIELDS:
        return None  # "running", or asleep for another reason than a system call: -1, stack pointer, program counter
    number, *rest = int(fields[0]), *(int(field, 16) for field in fields[1:])
    return Call(number, tuple(rest[:6]), rest[6], rest[7])


def parked_threads(process: Process, machine: Machine) -> tuple[list[int], bool]:
    """The threads that wait in a suitable system call, best first, by /proc/PID/task/TID/syscall; nobody is
    stopped.

    Second: whether any thread is inside a system call at all; then one may be about to wait.

    The main thread comes last: a signal that arrives while it is stopped would be given to another thread,
    and then CPython would run its handler only after the main thread's wait. Before it come those whose wait would fail
    with EINTR, or be begun anew and so end too late.
    """
    parked: list[int] = []
    delayed: list[int] = []
    in_a_call = False
    for tid, wait in threads_in_calls(process, machine):
        in_a_call = True
        if wait:
            (parked if wait.restarted or wait.endless or tid == process.pid else delayed).append(tid)
        if len(parked) >= _ENOUGH:
            break
    if parked and parked[-1] == process.pid:
        delayed.append(parked.pop())
    return (parked + delayed)[:_ENOUGH], in_a_call


def threads_in_calls(process: Process, machine: Machine) -> Iterator[tuple[int, Wait | None]]:
    """The threads that are in a system call, the main thread last, each with the wait if it is a suitable one."""
    tids = process.tids()
    for tid in [*tids[1:], tids[0]]:
        try:
            call = sleeping_in(process, tid)
        except (NoSuchProcess, OSError):
            continue
        if call is None:
            continue
        yield tid, machine.wait_named(call.number, call.arguments)
