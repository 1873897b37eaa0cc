"""Breakpoints in functions, methods, closures, generators and coroutines, some of them running before."""

import sys
import threading
import types

from selfbreak import SelfBreak, report, wait_until


def plain(number):
    total = 0
    for item in range(number):
        total += item  # plain
    return total


class Thing:
    def method(self):
        return plain(1)  # method

    @staticmethod
    def static():
        return 1  # static

    @classmethod
    def of_class(cls):
        return 2  # of_class

    @property
    def attribute(self):
        return 3  # attribute

    class Nested:
        def deep(self):
            return 4  # deep


def outer():
    def inner():
        return 5  # inner

    return inner


def generator():
    yield 1
    yield 2  # generator


async def coroutine():
    await asleep()
    return 6  # coroutine


@types.coroutine
def asleep():
    yield


def running():
    while not finished:
        turn()
        turns.append(1)  # running


def turn():
    return None


def made_later():
    return lambda: 7  # made_later


LINES = {line.rpartition("  # ")[2].strip(): number for number, line in enumerate(open(__file__), 1) if "  # " in line}
finished = False
turns = []
suspended = generator()
next(suspended)
waiting = coroutine()
waiting.send(None)
closure = outer()
thread = threading.Thread(target=running)
thread.start()
wait_until(lambda: turns)

breaks = SelfBreak()
counts = {}
for name, line in LINES.items():
    if name.isidentifier():
        counts[name] = breaks.arm(__file__, line)
wait_until(lambda: ("running", LINES["running"]) in breaks.hits)
wait_until(lambda: breaks.hits.count(("running", LINES["running"])) > 5)
finished = True
thread.join()
breaks.take()


def call_all():
    plain(3)
    Thing().method()
    Thing.static()
    Thing.of_class()
    Thing().attribute
    Thing.Nested().deep()
    closure()
    list(generator())
    made_later()()


call_all()
for _ in suspended:
    pass
try:
    waiting.send(None)
except StopIteration:
    pass
here = breaks.take()
other = threading.Thread(target=call_all)
other.start()
other.join()
elsewhere = breaks.take()

# a line that stays armed, one that goes, one that comes again
breaks.disarm(__file__, LINES["plain"])
plain(2)
Thing.static()
disarmed = breaks.take()
breaks.arm(__file__, LINES["plain"])
plain(2)
Thing.static()
again = breaks.take()
breaks.arm(__file__, LINES["plain"] + 1)
plain(2)
two = breaks.take()

slowdown = breaks.expected_slowdown()
breaks.close()
call_all()
report(
    lines=LINES,
    counts=counts,
    here=here,
    elsewhere=elsewhere,
    disarmed=disarmed,
    again=again,
    two=two,
    after=breaks.take(),
    slowdown=slowdown,
    left=[str(sys.gettrace()), str(threading._trace_hook)],
    tools=[sys.monitoring.get_tool(tool) for tool in range(6)] if hasattr(sys, "monitoring") else [],
)
