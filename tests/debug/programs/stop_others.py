"""What `request` says of threads that are blocked, that wait for the GIL, that cannot be stopped; prints it."""

import _thread
import ctypes
import os
import socket
import sys
import threading

from selfstop import Stop, in_thread, new_stopping, pause, report, started, traces_left, wait_until

from attach_agent.errors import AgentError

stopping = new_stopping()
facts = {}


def ask(ident, stop):
    try:
        return in_thread(stopping.request, ident, stop)
    except AgentError as error:
        return [error.slug, error.message]


def lock():
    waiting.acquire()
    after.append(1)
    pause(0.001)
    after.append(2)


def reading():
    os.read(pipe[0], 1)


def receiving():
    ends[0].recv(1)


waiting = threading.Lock()
waiting.acquire()
pipe, ends, after = os.pipe(), socket.socketpair(), []
for function in (reading, receiving):
    stop = Stop()
    facts[function.__name__] = [ask(started(function).ident, stop), stopping.revoke(), stop.frames]
    facts[function.__name__] += [traces_left(function)]

# a request that stays is met when the wait is over
stop = Stop(hold=True)
thread = started(lock)
pause(0.05)
problem = ask(thread.ident, stop)
waiting.release()
wait_until(lambda: stop.frames)
facts["lock"] = [problem, stop.frames[0][0], list(after)]
stop.hold = False
thread.join()
facts["lock"] += [list(after), stopping.revoke(), traces_left(lock)]

# one that was revoked is not
thread = started(lock)
pause(0.05)
stop = Stop()
problem = ask(thread.ident, stop)
revoked = stopping.revoke()
waiting.release()
thread.join()
facts["revoked"] = [problem, revoked, stop.frames, traces_left(lock)]


# not blocked: it waits for the GIL, which somebody keeps
def counting():
    while not finished:
        counts.append(len(counts))
        counts.pop()


def keeping():
    usleep = ctypes.PyDLL(None).usleep
    while not finished:
        usleep(15000)


counts, finished = [], False
thread, keeper = started(counting), started(keeping)
stop = Stop()
facts["gil"] = [ask(thread.ident, stop)]
wait_until(lambda: stop.frames)
finished = True
facts["gil"] += [stop.frames[0][0]]
thread.join()
keeper.join()

# none that there is, and one that ends without a further line
facts["nobody"] = ask(12345, Stop())


def ending():
    pause(0.2)


ident = _thread.start_new_thread(ending, ())
wait_until(lambda: ident in sys._current_frames())
stop = Stop()
facts["ending"] = ask(ident, stop)
wait_until(lambda: ident not in sys._current_frames())
facts["ended"] = [stopping.revoke(), stop.frames, traces_left(ending)]


def own():
    waiting.acquire()


own.__code__ = own.__code__.replace(co_filename="<live-attach>/boot.py")
ident = in_thread(_thread.start_new_thread, own, ())
wait_until(lambda: ident in sys._current_frames())
facts["own"] = ask(ident, Stop())
stopping.close()
stop = Stop()
thread = started(waiting.acquire)
pause(0.05)
ask(thread.ident, stop)
facts["closed"] = [stop.frames, traces_left()]
report(facts)
