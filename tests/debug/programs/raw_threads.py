"""Threads that ``_thread`` and ``threading`` have started, before and while a line is armed."""

import _thread
import sys
import threading

from selfbreak import SelfBreak, in_thread, report, wait_until


def step():
    return sys.gettrace() is not None


def loop(name):
    while not finished:
        step()
        names.add(name)
        traces[name] = sys.gettrace()
    ended.append(name)


def states():
    """What the threads have, and the interpreter's count of those that are traced."""
    from attach_agent.threadstates import ThreadStates

    found = in_thread(ThreadStates)
    count = found._int_at(found._counter_at, 4) if found._counter_at else 0
    return [count, [str(item) for item in found.trace_objects()], str(threading._trace_hook)]


finished, names, ended, traces = False, set(), [], {}
_thread.start_new_thread(loop, ("raw before",))
threading.Thread(target=loop, args=("before",)).start()
wait_until(lambda: len(names) == 2)
before = states()
again = []
for _ in range(2):
    breaks = SelfBreak()
    stopped = set()
    breaks.at_hit = lambda frame: stopped.add(frame.f_back.f_locals["name"])
    breaks.arm(__file__, step.__code__.co_firstlineno + 1)
    _thread.start_new_thread(loop, ("raw",))
    threading.Thread(target=loop, args=("hooked",)).start()
    wait_until(lambda: {"raw before", "before", "raw", "hooked"} <= stopped)
    breaks.close()
    wait_until(lambda: not any(traces.values()))
    again.append(not breaks.take() or not step())
after = states()
finished = True
wait_until(lambda: len(ended) == 6)
report(before=before, after=after, raw="raw" in stopped, hooked="hooked" in stopped, again=again)
