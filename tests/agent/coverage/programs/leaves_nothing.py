"""Is measured while threads, generators and coroutines are under way, and looks at itself before and after."""

import gc
import itertools
import os
import sys
import threading
import time

from selfattach import SelfAttach, report, wait_until

finished = False
asked = 0
answers = {}


def spin(name):
    """A thread that tells its own trace function when it is asked."""
    answered = 0
    own = suspended()
    while not finished:
        next(own)
        time.sleep(0.001)
        if asked != answered:
            answered = asked
            answers[name] = str(sys.gettrace())


def suspended():
    while True:
        yield sys._getframe()


def frames():
    """All frames of all stacks, and those of generators."""
    for frame in list(sys._current_frames().values()):
        while frame is not None:
            yield frame
            frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing) is type(generator):
            yield thing.gi_frame


def look(measuring=False):
    global asked
    answers.clear()
    asked += 1
    wait_until(lambda: len(answers) == 3)
    return {
        "trace": sorted({str(sys.gettrace())}.union(answers.values())),
        "f_trace": sorted({str(frame.f_trace) for frame in frames() if frame is not None}),
        "f_trace_lines": sorted({frame.f_trace_lines for frame in frames() if frame is not None}),
        "hook": str(threading._trace_hook),
        "threads": len(sys._current_frames()),
        "descriptors": sorted(os.listdir("/proc/self/fd")),
        "monitoring": None if measuring else monitoring(),
        "slow": None if measuring else slow(),
        "gc": gc.isenabled(),
        "modules": sorted(name for name in sys.modules if not name.startswith("attach_agent")),
    }


def monitoring():
    """The tools, and the local events that any of them would find in our code."""
    if not hasattr(sys, "monitoring"):
        return []
    tools = [sys.monitoring.get_tool(tool) for tool in range(6)]
    events = []
    for tool in range(6):
        sys.monitoring.use_tool_id(tool, "look")
        events += [sys.monitoring.get_local_events(tool, function.__code__) for function in (spin, suspended, look)]
        sys.monitoring.free_tool_id(tool)
    return [tools, events]


def slow():
    """What makes the interpreter slow: its count of traced threads and each thread's flag, if not 0; later events."""
    if sys.version_info >= (3, 12):
        # what does not run keeps its instructions until it does, what runs until it looks up
        end = time.monotonic() + 2
        while time.monotonic() < end and any(instrumented(f) > instrumented_before[f] for f in (spin, suspended)):
            time.sleep(0.001)
        return [function.__name__ for function in (spin, suspended) if instrumented(function) > instrumented_before[function]]
    from attach_agent.threadstates import ThreadStates

    states = attach.in_thread(ThreadStates)
    count = states._int_at(states._counter_at, 4) if states._counter_at else 0
    flags = [flag[0] for flag in map(states._bytes_at, states._flags(states._states()), itertools.repeat(1))]
    return [number for number in [count] + flags if number]


def instrumented(function):
    """How many instructions report events? They have the highest numbers (Include/opcode_ids.h)."""
    return sum(233 <= opcode < 255 for opcode in getattr(function.__code__, "_co_code_adaptive", b"")[::2])


instrumented_before = {function: instrumented(function) for function in (spin, suspended)}


def churn():
    for _ in range(20):
        thread = threading.Thread(target=len, args=("",))
        thread.start()
        thread.join()


generator = suspended()
next(generator)
threads = [threading.Thread(target=spin, args=(number,), daemon=True) for number in range(3)]
for thread in threads:
    thread.start()
attach = SelfAttach()
attach.start()  # once for what it imports
attach.stop(discard=True)
before = look()
after = []
for _ in range(3):
    attach.start()
    next(generator)
    churn()
    wait_until(lambda: len(attach.lines_of(__file__)) > 10)
    during = look(measuring=True)
    attach.stop(discard=True)
    after.append(look())
finished = True
for thread in threads:
    thread.join()
report(before=before, during=during, after=after)
