"""A thread that its program traces, by a function in Python, is stopped over and over: the tracer misses nothing."""

import sys

from selfstop import Stop, in_thread, new_stopping, report, started, tools, wait_until

STOPS = 100


def work():
    total = 0
    for number in range(3):
        total += helper(number)
    total += sum(generator())
    try:
        failing()
    except ValueError:
        total += 1
    unseen()
    return total


def helper(number):
    if number % 2:
        return number
    return -number


def generator():
    yield 1
    yield 2


def failing():
    raise ValueError


def unseen():
    helper(1)
    return helper(2)


class Tracer:
    """As a debugger's or coverage.py's in Python: another function for the lines, no lines in some frames."""

    def __init__(self):
        self.events = []

    def start(self, frame, event, _argument):
        self.events.append((event, frame.f_code.co_name, frame.f_lineno))
        if frame.f_code is unseen.__code__:
            frame.f_trace_lines = False
        return self.inside

    def inside(self, frame, event, argument):
        # a request that comes while `start` is at work for this frame may let a line through before 3.12
        if event != "line" or frame.f_code is not unseen.__code__:
            self.events.append((event, frame.f_code.co_name, frame.f_lineno, argument if event == "return" else None))
        return self.inside


def run():
    sys.settrace(tracer.start)
    while not finished:
        work()
        rounds.append(tracer.events)
        tracer.events = []
    ended.append(sys.gettrace())
    sys.settrace(None)


tracer, rounds, ended, finished = Tracer(), [], [], False
thread = started(run)
wait_until(lambda: len(rounds) > 3)
stopping = new_stopping()
seen, names = [], set()
for _ in range(STOPS):
    before = len(rounds)
    stop = Stop()
    assert in_thread(stopping.request, thread.ident, stop) == ""
    wait_until(lambda: stop.left)
    seen += [trace for trace in map(str, stop.traced) if "Tracer." not in trace and trace != "no lines"]
    names.update(name for name, _ in stop.frames)
    wait_until(lambda: len(rounds) > before + 1)
finished = True
thread.join()
# events between two rounds belong to the next: the loop around them
usual = rounds[1]
report(
    {
        "rounds": len(rounds),
        "different": [events for events in rounds[1:] if events != usual][:1],
        "meanwhile": seen,
        "names": sorted(names),
        "ended": ended == [tracer.start],
        "left": tools(),
    }
)
