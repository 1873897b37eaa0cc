"""The ptrace rung: a borrowed thread maps our code and starts our thread, or adds a pending call for it."""

import os
import time
from dataclasses import dataclass

from attach.inject import stubs
from attach.inject.block import Block, Progress
from attach.inject.borrowing import Borrowed, borrowed
from attach.inject.obstacles import no_memory, no_thread
from attach.inject.target import StoppedThread, Target

_PROT_READ, _PROT_WRITE, _PROT_EXEC = 1, 2, 4
_MAP_PRIVATE, _MAP_FIXED, _MAP_ANONYMOUS = 2, 0x10, 0x20
_MAX_ERRNO = 4095
_SAMPLES, _SAMPLE_SECONDS = 24, 0.00003

#: Images in which a thread may be inside a lock, or a restartable sequence, when it is stopped at any instruction.
_DELICATE = ("libc.", "libc-", "libpthread", "ld-", "ld.", "tcmalloc", "jemalloc", "mimalloc", "asan", "tsan")
#: Parts of the names of CPython's own functions that run inside the lock of the pending calls.
_LOCKING = ("Pending", "PyThread", "PyMutex", "ParkingLot", "Semaphore", "PyEvent", "_Py_atomic")


class NotNow(Exception):
    """The thread was not where it can be borrowed; a moment later it may be."""


@dataclass(frozen=True, slots=True)
class Start:
    """One started injection: its block, the thread that was borrowed, where, and for how long it was
    stopped.
    """

    block: Block
    tid: int
    where: str
    stopped_ms: float
    #: Whether a pending call has to be run first.
    pending: bool


def start_from_parked(target: Target, tid: int, block: Block) -> Start:
    """Has the parked thread `tid` start our thread. Raises `NotNow`, `ResourceLimit`, `ThreadGone`,
    `CallFaulted`.
    """
    machine = target.machine
    code = stubs.parked_entry_page(machine.assembler(), target.functions)
    code += stubs.thread_page(machine.assembler(), target.functions)
    way_home = target.way_home

    def unmapped_itself(number: int, first_argument: int) -> bool:
        return number == machine.MUNMAP and first_argument == block.entry_page

    since = time.perf_counter()
    with target.stop(tid) as stopped:
        if stopped.wait is None:
            raise NotNow
        with borrowed(stopped, way_home) as thread:
            _map(target, thread, block, code)
            end = thread.call(block.entry_page, (block.address,), unmapped_itself)
            error = machine.created(end)
            if error:
                _unmap(target, thread, block.thread_page, block.unmapped_by_thread)
                raise no_thread(target.process, error)
        where = stopped.wait.name
    return Start(block, tid, where, (time.perf_counter() - since) * 1e3, pending=False)


def start_by_pending_call(target: Target, block: Block) -> Start:
    """Adds a pending call in the main thread, where it will run. Raises as `start_from_parked`.

    `Py_AddPendingCall` takes no GIL, but a lock of its own; a thread that is stopped inside that lock must not be made
    to call it. So the main thread has to be in a function of CPython that is known, by its name, to be no part of
    that, as the evaluation loop, or in an image that cannot hold the lock.
    """
    machine = target.machine
    code = stubs.pending_entry_page(machine.assembler(), target.functions)
    code += stubs.thread_page(machine.assembler(), target.functions)
    way_home = target.way_home
    with target.stop(target.process.pid) as stopped:
        since = time.perf_counter()
        for _ in range(_SAMPLES):
            where = _place_for_pending_call(target, stopped)
            if where:
                break
            stopped.run_for(_SAMPLE_SECONDS)
            since = time.perf_counter()
        else:
            raise NotNow
        with borrowed(stopped, way_home) as thread:
            _map(target, thread, block, code)
            end = thread.call(block.entry_page, (block.address,), lambda *_: False)
            if machine.created(end):
                _unmap(target, thread, block.entry_page, block.total)
                raise NotNow  # the queue of pending calls is full
    return Start(block, stopped.tid, where, (time.perf_counter() - since) * 1e3, pending=True)


def _place_for_pending_call(target: Target, stopped: StoppedThread) -> str | None:
    """Where the thread is, if it cannot be inside the lock of the pending calls there."""
    if stopped.wait:
        return stopped.wait.name
    address = target.machine.instruction(stopped.registers)
    function = target.runtime.python.function_at(address)
    if function:
        return None if any(word in function for word in _LOCKING) else function
    mapping = target.runtime.mapping_at(address)
    if mapping and mapping.path == "[vdso]":
        return "the clock"
    if mapping and mapping.inode and mapping.path != target.runtime.python.path:
        name = os.path.basename(mapping.path)
        delicate = any(word in name for word in _DELICATE)
        if not delicate and target.machine.may_be_called(stopped.get_set_if_any):
            return name
    return None


def _map(target: Target, thread: Borrowed, block: Block, code: bytes) -> None:
    """Maps and fills entry page, thread page and block. Nothing is ever writable and executable at once."""
    machine, functions = target.machine, target.functions

    def mapped(number: int, _first_argument: int) -> bool:
        return number == machine.MMAP

    def call(address: int, size: int, protection: int, flags: int) -> int:
        arguments = (address, size, protection, flags | _MAP_PRIVATE | _MAP_ANONYMOUS, -1, 0)
        result = machine.result(thread.call(functions.mmap, arguments, mapped))
        if -_MAX_ERRNO <= result < 0:
            what = "executable memory" if protection & _PROT_EXEC else "memory"
            raise no_memory(target.process, what, -result)
        return result

    block.placed(call(0, block.total, _PROT_READ | _PROT_EXEC, 0))
    try:
        call(block.address, block.size, _PROT_READ | _PROT_WRITE, _MAP_FIXED)
        target.memory.write(block.address, block.content)
        target.memory.write(block.entry_page, code)
    except BaseException:
        _unmap(target, thread, block.entry_page, block.total)
        raise


def _unmap(target: Target, thread: Borrowed, address: int, size: int) -> None:
    thread.call(target.functions.munmap, (address, size), lambda number, _: number == target.machine.MUNMAP)


def take_back(target: Target, start: Start) -> None:
    """Sees to it that a source that has not been run is never run, and that its block is unmapped."""
    report = start.block.report(target.memory)
    if report.progress is Progress.NO_THREAD:
        _remove(target, start.block)
    elif report.progress is Progress.WAITING:
        _abort(target, start.block, target.process.pid)
    elif report.progress is Progress.ENTERED:
        _abort(target, start.block, target.process.tids_by_inner_id().get(report.inner_tid, 0))


def _abort(target: Target, block: Block, tid: int) -> None:
    """Sets the abort word while thread `tid`, which would go on to run or unmap the block, is stopped."""
    with target.stop(tid):
        block.abort(target.memory)


def _remove(target: Target, block: Block) -> None:
    """Unmaps thread page and block from a stopped main thread: where no thread of ours came to do it itself.

    munmap(2) takes no lock of the C library, so the thread may be anywhere.
    """
    with target.stop(target.process.pid) as stopped:
        if block.ours(target.memory):
            with borrowed(stopped, target.way_home) as thread:
                _unmap(target, thread, block.thread_page, block.unmapped_by_thread)
