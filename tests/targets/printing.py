"""Prints in rounds: ``work`` in the main thread, ``other`` in one of its own, until SIGTERM. Each line is one write.

With the argument ``redirected`` the main thread's output is captured by contextlib. Whenever its streams become others
than at the beginning, or the same again, it says so.
"""

import contextlib
import io
import logging
import os
import sys
import threading
import time

logging.basicConfig(stream=sys.stderr, format="log %(message)s")
captured = io.StringIO()
rounds = 0
held = []  # by files that exist


def other():
    number = 0
    while True:
        number += 1
        print("other %d\n" % number, end="")
        time.sleep(0.02)


def work(number):
    doubled = number * 2
    print("out %d\n" % number, end="")
    print("err %d\n" % number, end="", file=sys.stderr)
    sys.stdout.writelines(["", "written %d\n" % number])
    logging.warning("%d", number)
    print("old %d\n" % number, end="", file=sys.__stdout__)
    return doubled


def swapping(number):
    before = sys.stdout
    sys.stdout = io.StringIO()
    print("swapped %d" % number)
    text = sys.stdout.getvalue()
    sys.stdout = before
    return text


def redirecting(number):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        print("redirected %d" % number)
        while any(map(os.path.exists, held)):
            time.sleep(0.01)
    return text.getvalue()


def rounds_of_work():
    global rounds
    expected = sys.stdin, sys.stdout, sys.stderr
    seen = None
    while True:
        rounds += 1
        same = all(one is other for one, other in zip(expected, (sys.stdin, sys.stdout, sys.stderr)))
        if same != seen:
            seen = same
            print("streams as before: %s\n" % same, end="", file=sys.__stdout__)
        work(rounds)
        swapping(rounds)
        redirecting(rounds)
        time.sleep(0.02)


print("ready", flush=True)
threading.Thread(target=other, daemon=True).start()
if "redirected" in sys.argv:
    with contextlib.redirect_stdout(captured), contextlib.redirect_stderr(captured):
        rounds_of_work()
else:
    rounds_of_work()
