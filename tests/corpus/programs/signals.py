"""Signal handlers, which run between any two instructions of the main thread."""

import contextlib
import signal


class Interrupted(Exception):
    pass


counted = []


def count(number, frame):
    counted.append(number)


def interrupt(number, frame):
    raise Interrupted


def by_raise():
    before = signal.signal(signal.SIGUSR1, count)
    try:
        signal.raise_signal(signal.SIGUSR1)
        for _ in range(3):
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    return len(counted)


def raising():
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with contextlib.suppress(Interrupted):
            signal.raise_signal(signal.SIGUSR1)
            while True:
                pass
        try:
            deeper(3)
        except Interrupted:
            return "interrupted"
        return "not"
    finally:
        signal.signal(signal.SIGUSR1, before)


def deeper(n):
    if n:
        return deeper(n - 1)
    signal.raise_signal(signal.SIGUSR1)
    return deeper_still()


def deeper_still():
    while True:
        for _ in ():
            pass


def timed():
    before = signal.signal(signal.SIGALRM, count)
    counted.clear()
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while len(counted) < 3:
        signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def by_lambda():
    before = signal.signal(signal.SIGUSR2, lambda *_: counted.clear())
    signal.raise_signal(signal.SIGUSR2)
    signal.signal(signal.SIGUSR2, before)


def main():
    by_raise()
    raising()
    timed()
    by_lambda()
