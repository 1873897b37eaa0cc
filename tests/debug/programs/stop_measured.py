"""Threads that are measured are stopped over and over: no line is missed, none of another file is told."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "agent", "coverage", "programs"))

from selfattach import SelfAttach
from selfstop import Stop, in_thread, new_stopping, report, started, wait_until

STOPS = 30


def work(number):
    """Code at other lines each time, in a file of its own."""
    source = "\n" * number + "def made(n):\n    if n:\n        n += 1\n    return n\n"
    name = os.path.join(FOLDER, "made%d.py" % number)
    exec(compile(source, name, "exec"), space)
    space["made"](number)


def run():
    number = 0
    while not finished:
        number += 1
        work(number)
        done.append(number)


def once(part):
    total = part  # ran
    for _ in range(2):  # ran
        total += 1  # ran
    if total > 5:  # ran
        total -= 1
    return total  # ran


def parts():
    while len(done) >= 0 and not finished:  # ran
        once(1)  # ran


FOLDER = os.path.dirname(os.path.abspath(__file__))
space, finished, done = {"__name__": "made"}, False, []
attach = SelfAttach()
attach.start(source_dirs=(FOLDER,))
stopping = new_stopping()
threads = [started(run), started(parts)]
stops = []
for round in range(STOPS):
    stop = Stop()
    assert in_thread(stopping.request, threads[round % 2].ident, stop) == ""
    wait_until(lambda: stop.left)
    stops.append(len(stop.frames))
finished = True
for thread in threads:
    thread.join()
known = attach.lines()
first, last = once.__code__.co_firstlineno, parts.__code__.co_firstlineno + 2
lines = [line for line in sorted(known[os.path.abspath(__file__)]) if first < line <= last]
status = attach.status()
attach.stop()
wrong = []
for number in done:
    found = known.get(os.path.join(FOLDER, "made%d.py" % number), set())
    if found != {number + 1, number + 2, number + 3, number + 4}:
        wrong.append([number, sorted(found)])
report(
    {
        "wrong": wrong[:3],
        "made": len(done),
        "stops": stops,
        "lines": lines,
        "others": status.get("others", ()),
        "core": attach.core,
    }
)
