"""Which thread to borrow: one parked in a system call, where it holds no lock of the C library."""

from attach.errors import NoSuchProcess
from attach.inject.machine import Machine
from attach.process import Process

#: How many threads are tried at one look.
_ENOUGH = 4


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
        in_a_call = True
        wait = len(fields) > 6 and machine.wait_named(number, tuple(int(field, 16) for field in fields[1:7]))
        if wait:
            (parked if wait.restarted or wait.endless or tid == tids[0] else delayed).append(tid)
        if len(parked) >= _ENOUGH:
            break
    if parked and parked[-1] == tids[0]:
        delayed.append(parked.pop())
    return (parked + delayed)[:_ENOUGH], in_a_call
