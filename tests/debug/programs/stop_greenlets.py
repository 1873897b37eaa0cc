"""A thread that switches greenlets is stopped in the one that runs, and all of them go on."""

import greenlet
from selfstop import Stop, in_thread, new_stopping, report, started, traces_left, wait_until

STOPS = 20


def one():
    while not finished:
        counts[0] += 1
        second.switch()


def two():
    while not finished:
        counts[1] += 1
        first.switch()


def run():
    global first, second
    first, second = greenlet.greenlet(one), greenlet.greenlet(two)
    first.switch()


counts, finished = [0, 0], False
first = second = None
thread = started(run)
wait_until(lambda: min(counts) > 10)
stopping = new_stopping()
names, traced = set(), []
for _ in range(STOPS):
    stop = Stop(hold=True)
    problem = in_thread(stopping.request, thread.ident, stop)
    wait_until(lambda: stop.frames)
    before = list(counts)
    names.update(name for name, _ in stop.frames)
    traced += map(str, stop.traced)
    assert counts == before
    stop.hold = False
    wait_until(lambda: counts[0] > before[0] + 5 and counts[1] > before[1] + 5)
finished = True
thread.join()
report({"names": sorted(names), "meanwhile": traced, "left": traces_left(one, two, run)})
