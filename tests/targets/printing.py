"""Prints in rounds: ``work`` in the main thread, ``other`` in one of its own, until SIGTERM.

The arguments are what captures the main thread's output: ``redirected``, by contextlib, or nothing.
"""

import contextlib
import io
import logging
import sys
import threading
import time

original = sys.stdin, sys.stdout, sys.stderr
logging.basicConfig(stream=sys.stderr, format="log %(message)s")
captured = io.StringIO()
rounds = 0


def other():
    number = 0
    while True:
        number += 1
        print("other %d" % number, flush=True)
        time.sleep(0.02)


def work(number):
    doubled = number * 2
    print("out", number)
    print("err", number, file=sys.stderr)
    sys.stdout.write("writ")
    sys.stdout.writelines(["ten ", "%d\n" % number])
    logging.warning("%d", number)
    print("old", number, file=sys.__stdout__)
    return doubled


def swapping(number):
    before = sys.stdout
    sys.stdout = io.StringIO()
    print("swapped", number)
    text = sys.stdout.getvalue()
    sys.stdout = before
    return text


def rounds_of_work():
    global rounds
    while True:
        rounds += 1
        work(rounds)
        swapping(rounds)
        time.sleep(0.02)


threading.Thread(target=other, daemon=True).start()
print("ready", flush=True)
if "redirected" in sys.argv:
    with contextlib.redirect_stdout(captured), contextlib.redirect_stderr(captured):
        rounds_of_work()
else:
    rounds_of_work()
