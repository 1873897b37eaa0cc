"""Forks while it is measured; the children work on, make threads and end."""

import os
import sys
import threading

from selfattach import TRACED, SelfAttach, report

finished = False


def busy():
    while not finished:
        work(3)


def work(n):
    return [work(n - 1)] if n else []


def child():
    if TRACED:  # tracing is too slow for a process that nobody asks about it
        assert sys.gettrace() is None
        assert threading._trace_hook is None
        frame = sys._getframe()
        while frame is not None:
            assert frame.f_trace is None
            frame = frame.f_back
        sys.settrace(lambda *args: None)  # a debugger of its own, say: not ours to end in its children
        pid = os.fork()
        if pid == 0:
            os._exit(0 if sys.gettrace() is not None else 1)
        sys.settrace(None)
        assert os.waitpid(pid, 0)[1] == 0
    thread = threading.Thread(target=work, args=(3,))
    thread.start()
    thread.join()
    work(2)


# The first pthread_exit(3) of a process loads libgcc_s. A child that is forked at that moment cannot load anything, in
# any program: let it be over.
first = threading.Thread(target=work, args=(1,))
first.start()
first.join()
threads = [threading.Thread(target=busy, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
attach = SelfAttach()
attach.start()
statuses = []
for _ in range(10):
    pid = os.fork()
    if pid == 0:
        try:
            child()
            os._exit(7)
        finally:
            os._exit(1)
    statuses.append(os.waitpid(pid, 0)[1])
work(1)
line = work.__code__.co_firstlineno + 1
found = line in attach.lines_of(__file__)
attach.stop()
finished = True
for thread in threads:
    thread.join()
report(statuses=statuses, found=found)
