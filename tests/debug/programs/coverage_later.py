"""Coverage begins and ends while a line is armed, in threads of all kinds; argv: with greenlets or not."""

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../agent/coverage/programs"))

import selfattach
import work
from selfbreak import SelfBreak, report, wait_until

GREENLETS = "greenlets" in sys.argv
HERE = os.path.dirname(os.path.abspath(work.__file__))


def spin():
    while not finished:
        if GREENLETS:
            in_greenlets()
        else:
            work.loops()
            work.handling(turns[0] % 4)
        turns[0] += 1


def switching(number):
    for turn in range(3):
        work.loops()
        greenlet.getcurrent().parent.switch(number)
        work.handling(turn)
        greenlet.getcurrent().parent.switch(number)
        work.nested(turn)
    return number


def in_greenlets():
    running = [greenlet.greenlet(switching) for _ in range(3)]
    while running:
        for one in list(running):
            one.switch(1)
            if one.dead:
                running.remove(one)


def more():
    goal = turns[0] + 8
    wait_until(lambda: turns[0] >= goal)


def files():
    found = attach.in_thread(attach.snapshot)
    attach.in_thread(attach.coverage.reset)
    return {name: sorted(found.get(os.path.join(HERE, name), ())) for name in ("work.py", "work_helper.py")}


if GREENLETS:
    import greenlet
finished, turns = False, [0]
thread = threading.Thread(target=spin)
thread.start()
attach = selfattach.SelfAttach()
breaks = SelfBreak()
line = work.loops.__code__.co_firstlineno + 3


def start():
    breaks.aside(lambda: attach.coverage.start((("source_dirs", (HERE,)), ("tracer", selfattach.tracer()))))


# without any breakpoint
attach.start(source_dirs=(HERE,))
files()
more()
plain = files()
attach.stop(discard=True)
# measured while the line is armed, and no more
breaks.arm(work.__file__, line)
more()
wait_until(lambda: breaks.hits)  # a greenlet that was suspended is found after a moment
before = breaks.take()
start()
files()
more()
measured = files()
wait_until(lambda: breaks.hits)
during = breaks.take()
breaks.aside(lambda: attach.coverage.stop(True))
more()
wait_until(lambda: breaks.hits)
after = breaks.take()
# once more, and the breakpoint goes first
start()
breaks.close()
files()
more()
again = files()
gone = not breaks.take() or not (more(), breaks.take())[1]
attach.stop()
finished = True
thread.join()
report(
    plain=plain,
    measured=measured,
    again=again,
    hits=[len(before), len(during), len(after)],
    gone=gone,
    left=[str(sys.gettrace()), str(threading._trace_hook)],
)
