"""Has tools of sys.monitoring of its own, which must not be disturbed."""

import sys

from selfattach import SelfAttach, refusal, report

monitoring = sys.monitoring
seen = []


def step():
    return None


def on_start(code, offset):
    if code is step.__code__:
        seen.append("start")


for tool in range(6):
    monitoring.use_tool_id(tool, "tool %d" % tool)
attach = SelfAttach()
full = refusal(attach.start)
for tool in (1, 3):
    monitoring.free_tool_id(tool)
neighbour = 2
monitoring.register_callback(neighbour, monitoring.events.PY_START, on_start)
monitoring.set_events(neighbour, monitoring.events.PY_START)
attach.start()
names = [monitoring.get_tool(tool) for tool in range(6)]
step()
attach.stop()
step()
report(
    full=full,
    names=names,
    seen=seen,
    events=monitoring.get_events(neighbour) == monitoring.events.PY_START,
    after=[monitoring.get_tool(tool) for tool in range(6)],
)
