"""Is measured by coverage while breakpoints are armed, and before and after that; argv: with branches or not."""

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../agent/coverage/programs"))

import selfattach
import work
from selfbreak import SelfBreak, report, wait_until

BRANCH = sys.argv[1] == "branches"
HERE = os.path.dirname(os.path.abspath(work.__file__))


def spin():
    """A thread that has begun before, in a file that is measured and out of it."""
    while not finished:
        work.loops()
        work.handling(turns[0] % 4)
        turns[0] += 1


def started():
    attach = selfattach.SelfAttach()
    attach.start(source_dirs=(HERE,), branch=BRANCH)
    return attach


def found():
    """What ran since the last time."""
    if BRANCH:
        packed = attach.in_thread(attach.packed)
        arcs = {name: sorted(selfattach.unpack_arcs(part)) for name, part in packed.items()}
    else:
        arcs = {name: sorted(lines) for name, lines in attach.in_thread(attach.snapshot).items()}
    attach.in_thread(attach.coverage.reset)
    return {name: arcs[os.path.join(HERE, name)] for name in ("work.py", "work_helper.py")}


def once_more():
    goal = turns[0] + 4
    work.main()
    inner = threading.Thread(target=work.main)
    inner.start()
    inner.join()
    wait_until(lambda: turns[0] >= goal)
    return found()


def blocked():
    """A thread that has no event of its own while breakpoints come and go."""
    waiting.wait()


def ours():
    """What of the breakpoints traces a thread."""
    states = getattr(breaks.breakpoints._engine, "_states", None)
    return [str(item) for item in states.trace_objects() if hasattr(item, "live_attach")] if states else []


finished, turns, kept = False, [0], []
waiting = threading.Event()
thread = threading.Thread(target=spin)
thread.start()
threading.Thread(target=blocked).start()
attach = started()
once_more()
plain = once_more()
pictures = []
lines = [
    number for number, line in enumerate(open(work.__file__), 1) if "total += 1" in line or "got = yield i" in line
]
breaks = SelfBreak()
for _ in range(3):
    for line in lines:
        breaks.arm(work.__file__, line)
    breaks.arm(__file__, spin.__code__.co_firstlineno + 3)
    once_more()
    pictures.append(once_more())
    hit = set(breaks.take())
    for line in lines[1:]:
        breaks.disarm(work.__file__, line)
    once_more()
    pictures.append(once_more())
    breaks.close()
    kept += ours()
    once_more()
    pictures.append(once_more())
    left = str(sys.gettrace())
others = dict(attach.status())["others"]
finished = True
waiting.set()
thread.join()
attach.stop()
report(
    plain=plain,
    missing=[{name: sorted(set(plain[name]) - set(picture.get(name, ()))) for name in plain} for picture in pictures],
    more=[{name: sorted(set(picture[name]) - set(plain.get(name, ()))) for name in picture} for picture in pictures],
    hit=hit,
    lines=lines,
    others=others,
    kept=kept,
    left=[left, str(sys.gettrace()), str(threading._trace_hook)],
)
