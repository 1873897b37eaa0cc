"""Loads greenlet after the attach where nobody looks, in a thread like those of the agent."""

import _thread

from selfattach import SelfAttach, refusal, report, wait_until

attach = SelfAttach()
attach.start()
namespace = {"done": False}
exec(compile("def load():\n    import greenlet\n    global done\n    done = True\n", "<live-attach>/x.py", "exec"), namespace)
_thread.start_new_thread(namespace["load"], ())
wait_until(lambda: namespace["done"])
refused = refusal(attach.lines)
attach.stop()
still = refusal(attach.lines)
attach.stop(discard=True)
attach.start()
report(refused=refused, still=still, again=bool(attach.lines_of(__file__)))
attach.stop()
