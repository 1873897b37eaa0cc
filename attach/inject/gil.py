"""Whether a C call holds the interpreter lock and sleeps, so that nothing of Python can run."""

import struct
import time

from attach.errors import NoSuchProcess
from attach.inject.build import FREE_THREADED, all_interpreters, debug_words
from attach.inject.memory import MemoryFault
from attach.inject.runtime import Runtime

#: Positions in `_Py_DebugOffsets`, in words of 8 bytes, by minor version: interpreter_state.gil_runtime_state_locked
#: and gil_runtime_state_holder, thread_state.native_thread_id.
_PLACES = {13: (17, 18, 25), 14: (18, 19, 28), 15: (18, 19, 31)}
#: Before, where ``struct _gil_runtime_state`` is in `_PyRuntime` (Include/internal/pycore_gil.h): interval in
#: microseconds, last_holder, locked. Measured on release builds; what cannot be a lock is not believed.
_OFFSETS = {8: 1152, 9: 352, 10: 352, 11: 360, 12: 77432}
_LONGEST_INTERVAL = 10_000_000

_LOOKS, _LOOK_SECONDS = 6, 0.01


def sleeping_holder(runtime: Runtime) -> str:
    """Which thread holds the lock of the main interpreter and sleeps, for as long as we look, some 50 ms.

    Empty if none does, or if it cannot be told, as in a free-threaded build.
    """
    found = set()
    for look in range(_LOOKS):
        if look:
            time.sleep(_LOOK_SECONDS)
        try:
            found.add(_look(runtime))
        except (MemoryFault, NoSuchProcess):  # a thread that ends
            return ""
        if len(found) > 1 or "" in found:
            return ""
    return found.pop().partition(",")[0]


def _look(runtime: Runtime) -> str:
    """The thread and how often it has slept so far; empty if the lock is free or its holder awake."""
    process = runtime.process
    if runtime.version.pair < (3, 13):
        tids = process.tids()
        if not _locked(runtime) or not all(_asleep(runtime, tid) for tid in tids):
            return ""
        return f"thread {tids[0]}" if len(tids) == 1 else "one of its threads"
    tid = process.tids_by_inner_id().get(_holder(runtime), 0)
    if not tid or not _asleep(runtime, tid):
        return ""
    return f"thread {tid}, {process.context_switches(tid)}"


def _asleep(runtime: Runtime, tid: int) -> bool:
    return runtime.process.status_field("State", tid)[:1] in ("S", "D")


def _locked(runtime: Runtime) -> bool:
    """Whether some thread holds the lock: before 3.13."""
    offset = _OFFSETS.get(runtime.version.minor)
    if offset is None:
        return False
    content = runtime.memory.read(runtime.address("_PyRuntime") + offset, 20)
    interval, holder, locked = struct.unpack("<QQi", content)
    return bool(0 < interval < _LONGEST_INTERVAL and holder and locked == 1)


def _holder(runtime: Runtime) -> int:
    """The native id of the thread that holds the lock, 0 if nobody does: from 3.13 on."""
    words = debug_words(runtime)
    places = _PLACES.get(runtime.version.minor)
    if not words or not places or words[FREE_THREADED]:
        return 0
    locked, holder, native_id = (words[place] for place in places)
    memory = runtime.memory
    found = all_interpreters(runtime, words)
    if not found:
        return 0
    interpreter = found[-1]
    if memory.u32(interpreter + locked) != 1:
        return 0
    state = memory.u64(interpreter + holder)
    return memory.u64(state + native_id) if state else 0
