"""Ten thousand requests, each of which is revoked at about the moment when it would come. Prints the counts."""

import random
import sys

from selfstop import in_thread, new_stopping, pause, report, started, traces_left

TIMES = int(sys.argv[1])
fired = revoked = late = wrong = 0
finished = False
sys.setswitchinterval(0.0001)
stopping = new_stopping()
random.seed(5)


class Requested:
    def __init__(self):
        self.fired = self.revoked = False

    def __call__(self, frame, event, argument):
        global fired, late
        fired += 1
        late += self.revoked
        self.fired = True


def called(number):
    return number + 1


def running():
    number = 0
    while not finished:
        number = called(number)


def revoking():
    """Revoke each request some time after it has come."""
    global revoked, wrong
    seen = None
    while not finished:
        current, wanted = stopping._current, newest
        if current is None or current is seen or current[0]._on_stop is not wanted:
            pause(0.00001)
            continue
        seen = current
        for _ in range(random.randrange(2000)):
            pass
        if stopping.revoke() and stopping._current is current:  # else it was the next one, perhaps
            wanted.revoked = True
            revoked += 1
            wrong += wanted.fired


newest = None
thread = started(running)
started(revoking)


def requesting():
    global newest
    for _ in range(TIMES):
        newest = Requested()
        stopping.request(thread.ident, newest)


import selfstop

selfstop.DEADLINE = 200.0
in_thread(requesting)
finished = True
thread.join()
pause(0.05)
stopping.close()
report(
    {
        "fired": fired,
        "revoked": revoked,
        "late": late,
        "wrong": wrong,
        "left": traces_left(running, called, revoking),
    }
)
