"""Other tools hold ids of sys.monitoring: first the one that is taken first, then all of them."""

import sys
import threading

from selfstop import Stop, in_thread, new_stopping, report, started, tools, wait_until

from attach_agent.errors import AgentError


def run():
    waiting.acquire()


waiting = threading.Lock()
waiting.acquire()
thread = started(run)
wait_until(lambda: sys._current_frames()[thread.ident].f_code is run.__code__)
stopping = new_stopping()
monitoring = sys.monitoring
monitoring.use_tool_id(4, "other")
problem = in_thread(stopping.request, thread.ident, Stop())
facts = {"problem": problem, "pending": tools(), "revoked": stopping.revoke(), "after": tools()}
for tool in (0, 1, 2, 3, 5):
    monitoring.use_tool_id(tool, "other")
try:
    in_thread(stopping.request, thread.ident, Stop())
except AgentError as error:
    facts["refused"] = [error.slug, error.message]
facts["all"] = tools()
facts["events"] = [monitoring.get_events(tool) for tool in range(6)]
report(facts)
