"""Tells where its old frames are, as a traceback or a log record would."""

import sys
import threading

from selfattach import SelfAttach, report

places = {"old": []}
turn = threading.Semaphore(0)
taken = threading.Semaphore(0)


def where(depth):
    return sys._getframe(depth + 1).f_lineno


def outer():
    first = 1
    inner()  # outer waits here
    return first


def inner():
    for _ in range(4):
        turn.acquire()
        places["old"].append((where(0), where(1)))  # here
        taken.release()


def numbers():
    while True:
        yield where(0)  # suspended


def new_thread():
    """Where a thread's own function is called from, in ``threading``."""
    places.setdefault("new", []).append((where(1), where(2), where(3)))


def look():
    thread = threading.Thread(target=new_thread)
    thread.start()
    thread.join()
    turn.release()
    taken.acquire()
    places.setdefault("generator", []).append(next(generator))


generator = numbers()
next(generator)
thread = threading.Thread(target=outer)
thread.start()
look()
attach = SelfAttach()
attach.start()
look()
look()
attach.stop()
look()
thread.join()
report(**places)
