"""Computes the same over and over: for a debugger to step through."""

import sys
import threading
import time

rounds = 0


def helper(a, b=2):
    c = a + b
    return c


def generate(n):
    for i in range(n):
        yield i


def fail(text):
    try:
        raise KeyError(text)
    except KeyError as error:
        raise ValueError("bad " + text) from error


def work(n):
    """Its first statement comes after this."""
    total = 0
    for i in generate(n):
        total += helper(i)
    try:
        fail("value")
    except ValueError:
        total += 1
    label = "done %d" % total
    return label


class Seeing:
    """Its method is a trace function, and it has no dictionary."""

    __slots__ = ()

    def tracer(self, frame, event, _arg):
        if frame.f_code.co_filename == __file__:
            seen.add((frame.f_code.co_name, event, frame.f_lineno))
        return self.tracer


def main():
    global rounds
    while True:
        answer = work(3)
        rounds += 1
        time.sleep(0.005)
        if answer != "done 10":
            print("wrong", answer, flush=True)


def brief():
    helper(1)


def spawning():
    while True:
        thread = threading.Thread(target=brief, name="brief")
        thread.start()
        thread.join()
        time.sleep(0.005)


if __name__ == "__main__":
    seen = set()
    if "--traced-by-method" in sys.argv:
        sys.settrace(Seeing().tracer)
    if "--traced" in sys.argv:

        def tracer(frame, event, _arg):
            if frame.f_code.co_filename == __file__:
                seen.add((frame.f_code.co_name, event, frame.f_lineno))
            return tracer

        sys.settrace(tracer)
    if "--spawning" in sys.argv:
        threading.Thread(target=spawning, daemon=True).start()
    print("ready", flush=True)
    main()
