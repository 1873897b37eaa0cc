"""The PEP 768 rung (CPython 3.14 and later): a request in the thread states, which the evaluation loop obeys.

Written by us instead of by `sys.remote_exec`, so that it works from any Python of the operator, on deleted
executables and across namespaces. Offsets: Include/internal/pycore_debug_offsets.h.
"""

import contextlib
import os
import struct
import time
from collections.abc import Iterator

from attach.errors import MethodUnavailable, ThreadNotStopping
from attach.inject.memory import Memory, MemoryFault
from attach.inject.ptrace import ThreadGone
from attach.inject.runtime import MAX_INTERPRETERS, Runtime, interpreters
from attach.inject.staging import NoPlace, StagedScript
from attach.inject.target import StoppedThread, Target

_METHOD = "remote-exec"
COOKIE = b"xdebugpy"
_PLEASE_STOP = 0x20  # _PY_EVAL_PLEASE_STOP_BIT
_MAX_THREADS = 20_000
_PATH_SIZE = 512
#: How long a run of the script that has begun is waited for.
_RUN_SECONDS = 1.0

#: Positions in `_Py_DebugOffsets`, in words of 8 bytes.
_VERSION, _RUNTIME_INTERPRETERS, _INTERPRETER_NEXT, _INTERPRETER_THREADS, _INTERPRETER_MAIN = 1, 5, 8, 9, 10
_THREAD_NEXT = 24
_LAYOUTS = {
    # minor version: thread_state.native_thread_id, first of debugger_support
    14: (28, 89),
    15: (31, 105),
}


class DebugOffsets:
    """The parts of `_Py_DebugOffsets` that are needed. Raises `MethodUnavailable`."""

    def __init__(self, runtime: Runtime) -> None:
        if runtime.version.pair < (3, 14):
            raise MethodUnavailable(_METHOD, f"CPython {runtime.version} came before PEP 768 (3.14)")
        self.runtime_address = runtime.address("_PyRuntime")
        if runtime.memory.read(self.runtime_address, 8) != COOKIE:
            raise MethodUnavailable(_METHOD, "the interpreter has no debug offsets")
        words = struct.unpack("<128Q", runtime.memory.read(self.runtime_address, 1024))
        layout = _LAYOUTS.get(words[_VERSION] >> 16 & 0xFF)
        if words[_VERSION] >> 24 != 3 or layout is None:
            raise MethodUnavailable(_METHOD, "its debug offsets are of an unknown version")
        native_id, support = layout
        self.interpreters = words[_RUNTIME_INTERPRETERS]
        self.interpreter_next = words[_INTERPRETER_NEXT]
        self.threads, self.main_thread = words[_INTERPRETER_THREADS], words[_INTERPRETER_MAIN]
        self.thread_next, self.native_id = words[_THREAD_NEXT], words[native_id]
        (self.eval_breaker, self.support, self.enabled, self.pending, self.script_path, path_size) = words[
            support : support + 6
        ]
        if path_size != _PATH_SIZE or max(words[support : support + 5]) > 1 << 20:
            raise MethodUnavailable(_METHOD, "its debug offsets are not the ones we know")


def obedient(runtime: Runtime) -> tuple[DebugOffsets, int]:
    """The offsets and the main interpreter, of a process that obeys requests. Raises `MethodUnavailable`."""
    offsets = DebugOffsets(runtime)
    interpreter = _main_interpreter(runtime.memory, offsets)
    if runtime.memory.u32(interpreter + offsets.enabled) != 1:
        raise MethodUnavailable(_METHOD, "the program runs with remote debugging disabled")
    return offsets, interpreter


def _main_interpreter(memory: Memory, offsets: DebugOffsets) -> int:
    """The main interpreter."""
    found = list(interpreters(memory, offsets.runtime_address + offsets.interpreters, offsets.interpreter_next))
    if 0 < len(found) <= MAX_INTERPRETERS:
        return found[-1]
    raise MethodUnavailable(_METHOD, "it has no main interpreter")


class RemoteExec:
    """Requests to all threads of the main interpreter to run one script; a context of `start`, `nudge`,
    `finish`.

    Raises `MethodUnavailable` when it cannot be used.
    """

    def __init__(self, target: Target, source: str, seconds: float) -> None:
        self.target = target
        self.offsets, self._interpreter = obedient(target.runtime)
        self._requested: set[int] = set()
        target.prepare_stops()
        try:
            self._script = StagedScript(target.process)
        except NoPlace as place:
            raise MethodUnavailable(_METHOD, str(place)) from None
        try:
            self._script.write(source, seconds)
        except NoPlace as place:
            self._script.remove()
            raise MethodUnavailable(_METHOD, str(place)) from None

    def _thread_states(self) -> Iterator[tuple[int, int]]:
        """Address and native id of each thread state of the main interpreter."""
        memory, offsets = self.target.memory, self.offsets
        state = memory.u64(self._interpreter + offsets.threads)
        for _ in range(_MAX_THREADS):
            if not state:
                return
            yield state, memory.u64(state + offsets.native_id)
            state = memory.u64(state + offsets.thread_next)

    @contextlib.contextmanager
    def _frozen(self) -> Iterator[dict[int, StoppedThread]]:
        """All threads stopped, by their id here: only then no thread state can vanish under our writes."""
        process = self.target.process
        with contextlib.ExitStack() as stack:
            held: dict[int, StoppedThread] = {}
            for _ in range(10):
                new = [tid for tid in process.tids() if tid not in held]
                if not new:
                    break
                for tid in new:
                    with contextlib.suppress(ThreadGone):
                        held[tid] = stack.enter_context(self.target.stop(tid))
            else:
                raise ThreadNotStopping(process.pid, new[-1])
            yield held

    def start(self) -> str:
        """Writes the requests. Where everybody sleeps, wakes the main thread with EINTR at once.

        Gives a word about what was found.
        """
        ours = self.target.process.tids_by_inner_id()
        memory, offsets = self.target.memory, self.offsets
        path = os.fsencode(self._script.path) + b"\0"
        with self._frozen() as held:
            for state, native_id in self._thread_states():
                if ours.get(native_id) not in held:
                    continue  # a state without a thread: being born or dying
                support = state + offsets.support
                memory.write(support + offsets.script_path, path)
                memory.write(support + offsets.pending, struct.pack("<i", 1))
                flags = memory.read(state + offsets.eval_breaker, 1)[0]
                memory.write(state + offsets.eval_breaker, bytes([flags | _PLEASE_STOP]))
                self._requested.add(state)
            asleep = all(thread.wait for thread in held.values())
            main = held.get(self.target.process.pid)
            if asleep and main and main.fail_with_eintr():
                return f"{len(self._requested)} thread(s), main thread woken"
        return f"{len(self._requested)} thread(s)"

    def nudge(self) -> bool:
        """Has the main thread's wait fail with EINTR: Python then looks for requests, and waits on (PEP
        475).
        """
        try:
            with self.target.stop(self.target.process.pid) as main:
                return main.fail_with_eintr()
        except (ThreadGone, ThreadNotStopping):
            return False

    def error(self) -> str:
        """The exception that our source raised, if one did."""
        return self._script.error()

    def finish(self) -> None:
        """Takes back the requests that nobody took, waits for those that somebody took, and removes the script.

        A thread that took its request a moment ago has still to read the script.
        """
        try:
            if self._requested:
                taken = self._taken()
                if taken != self._requested:
                    with self._frozen():
                        taken = self._taken(cancel=True)
                end = time.perf_counter() + _RUN_SECONDS
                while self._script.runs() < len(taken) and time.perf_counter() < end:
                    time.sleep(0.0005)
        finally:
            self._script.remove()

    def _taken(self, *, cancel: bool = False) -> set[int]:
        """The thread states whose request was taken; `cancel`, for frozen threads, clears the others."""
        taken = set()
        try:
            for state, _ in self._thread_states():
                where = state + self.offsets.support + self.offsets.pending
                if state not in self._requested:
                    continue
                if self.target.memory.u32(where) == 0:
                    taken.add(state)
                elif cancel:
                    self.target.memory.write(where, bytes(4))
        except MemoryFault:
            pass  # a thread state vanished while we read; when all are frozen none does
        return taken
