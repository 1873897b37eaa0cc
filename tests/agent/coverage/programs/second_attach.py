"""Is attached to several times, each time by a new copy of the agent."""

import os
import sys

from selfattach import SelfAttach, report


def maps():
    with open("/proc/self/maps") as file:
        return sum("live-attach-tracer" in line for line in file)


def work():
    return 1


counts = []
lines = []
for _ in range(4):
    attach = SelfAttach()
    attach.start()
    work()
    lines.append(work.__code__.co_firstlineno + 1 in attach.lines_of(__file__))
    counts.append((maps(), len(os.listdir("/proc/self/fd"))))
    attach.coverage.close()
    for name in [name for name in sys.modules if name.startswith(("attach_agent", "selfattach"))]:
        del sys.modules[name]
    from selfattach import SelfAttach
theirs = [name for name in sys.modules if not name.startswith("attach_agent")]
report(counts=counts, lines=lines, left=[name for name in theirs if "tracer" in name or "live_attach" in name])
