"""Starts and stops measuring again and again, while threads come and go."""

import _thread
import sys
import threading
import time

from selfattach import SelfAttach, report, wait_until

SECONDS = 2.0
finished = False
raw = [0]


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def numbers(n):
    yield from range(n)


def busy():
    while not finished:
        fib(5)
        sum(numbers(10))


def short():
    fib(4)


def threads_come_and_go():
    while not finished:
        thread = threading.Thread(target=short)
        thread.start()
        thread.join()


def raw_thread():
    fib(4)
    raw[0] -= 1


def raw_threads_come_and_go():
    while not finished:
        raw[0] += 1
        _thread.start_new_thread(raw_thread, ())
        wait_until(lambda: raw[0] == 0)


targets = [busy, busy, threads_come_and_go, threads_come_and_go, raw_threads_come_and_go]
threads = [threading.Thread(target=target, daemon=True) for target in targets]
for thread in threads:
    thread.start()
attach = SelfAttach()
fib_line = fib.__code__.co_firstlineno + 1
busy_line = busy.__code__.co_firstlineno + 1
cycles = 0
end = time.monotonic() + SECONDS
while time.monotonic() < end:
    attach.start()
    wait_until(lambda: {fib_line, busy_line} <= attach.lines_of(__file__))
    attach.stop(discard=True)
    cycles += 1
tools = [sys.monitoring.get_tool(tool) for tool in range(6)] if hasattr(sys, "monitoring") else []
traced = sum(frame.f_trace is not None for frame in sys._current_frames().values())
finished = True
for thread in threads:
    thread.join()
report(cycles=cycles, traced=traced, tools=[tool for tool in tools if tool], hook=threading._trace_hook)
