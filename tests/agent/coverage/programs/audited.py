"""Has an audit hook that is Python code, first one that forbids tracing, then one that only takes its time."""

import sys
import threading
import time

from selfattach import SelfAttach, refusal, report, wait_until

forbidden = True
finished = False
events = []


def hook(event, arguments):
    if event == "sys.settrace":
        events.append(event)
        if forbidden:
            raise PermissionError("no tracing here")
        time.sleep(0)  # lets go of the GIL


def short():
    return None


def threads_come_and_go():
    while not finished:
        thread = threading.Thread(target=short)
        thread.start()
        thread.join()


threads = [threading.Thread(target=threads_come_and_go, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
sys.addaudithook(hook)
attach = SelfAttach()
refused = refusal(attach.start)
forbidden = False
measured = 0
after = None
if "refuses" in sys.argv:
    after = refusal(attach.start)
else:
    for _ in range(10):
        attach.start()
        wait_until(lambda: short.__code__.co_firstlineno + 1 in attach.lines_of(__file__))
        attach.stop(discard=True)
        measured += 1
finished = True
for thread in threads:
    thread.join()
report(refused=refused, measured=measured, after=after, asked=bool(events))
