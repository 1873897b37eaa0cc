"""A program under seccomp filters: each argument is one, in hexadecimal, installed in this order.

``alone:`` before a filter puts it on a second thread alone; ``listen:`` makes its listener, whose descriptor is printed.
"""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import filters

listener = -1
alone = threading.Event()


def under_one_more(program):
    filters.install(program)
    alone.set()
    while True:
        time.sleep(1000)


for argument in sys.argv[1:]:
    how, _, code = argument.rpartition(":")
    program = bytes.fromhex(code)
    if how == "alone":
        threading.Thread(target=under_one_more, args=(program,), daemon=True).start()
        alone.wait()
    elif how == "listen":
        listener = filters.install(program, filters.NEW_LISTENER)
    else:
        filters.install(program)
os.write(1, b"ready %d\n" % listener)
while True:
    time.sleep(0.5)
