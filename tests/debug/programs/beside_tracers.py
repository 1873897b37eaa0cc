"""Threads are traced by this program itself, in its ways, while breakpoints come and go."""

import sys
import threading

from selfbreak import SelfBreak, in_thread, report, wait_until


def work(n):
    total = 0
    for item in range(n):
        total += item
    try:
        raise ValueError(total)
    except ValueError:
        return deeper(total)


def deeper(total):
    return [item for item in generator(total)][-1]


def generator(total):
    yield total
    yield total + 1


def everywhere(frame, event, arg):
    """As a simple debugger or profiler has it."""
    seen.append((frame.f_code.co_name, event, frame.f_lineno, type(arg).__name__))
    return everywhere


def only_calls(frame, event, arg):
    seen.append((frame.f_code.co_name, event, frame.f_lineno))


def changing(frame, event, arg):
    """Another function for the lines of a frame, which then leaves it."""
    if frame.f_code is not work.__code__:
        return None

    def local(frame, event, arg):
        seen.append(("local", event, frame.f_lineno))
        return other

    def other(frame, event, arg):
        seen.append(("other", event, frame.f_lineno))

    return local


def traced_by(function):
    global seen
    seen = []
    sys.settrace(function)
    try:
        work(2)
    finally:
        here = sys.gettrace()
        sys.settrace(None)
    kept.append(here is function)
    found, seen = [item for item in seen if item[0] in NAMES], []
    return found


def picture():
    """What each way of tracing sees, in a thread of its own, traced before any breakpoint comes to it."""
    return {name: in_thread(lambda: traced_by(function)) for name, function in WAYS.items()}


NAMES = ("work", "deeper", "generator", "local", "other")
WAYS = {"everywhere": everywhere, "calls": only_calls, "frame": changing}
kept, seen = [], []
plain = picture()

# a thread that is traced while the breakpoint is armed, and by the same function afterwards
turns, wanted, traced, came = [0], [0], [], []
finished = False


def spin():
    sys.settrace(everywhere)
    while not finished:
        if turns[0] < wanted[0]:
            work(2)
            turns[0] += 1


def turned(times):
    global seen
    wait_until(lambda: turns[0] == wanted[0])
    seen = []
    wanted[0] += times
    wait_until(lambda: turns[0] == wanted[0])
    found, seen = [item for item in seen if item[0] in NAMES], []
    return found


thread = threading.Thread(target=spin)
thread.start()
plain["spin"] = turned(2)
breaks = SelfBreak()
line = work.__code__.co_firstlineno + 3
breaks.arm(__file__, line)
armed = picture()
armed["spin"] = turned(2)
hits = breaks.take()
breaks.close()
after = picture()
after["spin"] = turned(2)
traced = [plain["spin"] == armed["spin"], plain["spin"] == after["spin"]]
finished = True
thread.join()

# a tracer comes to a thread while the breakpoint is armed, and leaves it again
breaks = SelfBreak()
breaks.arm(__file__, line)
sys.settrace(everywhere)
work(1)
wait_until(lambda: sys.gettrace() is not everywhere)
breaks.take()
work(1)
came = [name for name, _ in breaks.take()] == ["work"] and ("work", "line", line, "NoneType") in seen
sys.settrace(None)
wait_until(lambda: sys.gettrace() is not None)
seen = []
work(1)
gone = [name for name, _ in breaks.take()] == ["work"] and not seen
breaks.close()
kept = [all(kept[:3]), all(kept[-3:])]
report(
    plain=plain,
    armed=armed,
    after=after,
    kept=kept,
    traced=traced,
    came=came,
    gone=gone,
    hits=hits,
    expected=[["work", line]] * 4,
)
