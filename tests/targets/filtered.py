"""A program under seccomp filters: each argument is one, in hexadecimal, installed in this order.

``alone:`` before a filter puts it on a second thread alone; ``listen:`` makes its listener, and the descriptor of that
is printed. The argument ``busy`` makes it never wait.
"""

import os
import select
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
    if argument == "busy":
        continue
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
while "busy" in sys.argv:
    pass
waiting = select.poll()
while True:
    waiting.poll(500)  # a wait that the kernel goes on with by restart_syscall(2)
