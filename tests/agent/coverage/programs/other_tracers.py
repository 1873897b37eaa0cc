"""Has a trace function of its own, which must not be disturbed."""

import sys
import threading

from selfattach import SelfAttach, refusal, report, wait_until

finished = False
traced = []


def debugger(frame, event, arg):
    traced.append(frame.f_code.co_name)
    return debugger


def step():
    return None


def debugged():
    sys.settrace(debugger)
    while not finished:
        step()
    sys.settrace(None)


attach = SelfAttach()
thread = threading.Thread(target=debugged, daemon=True)
thread.start()
wait_until(lambda: "step" in traced)
active = refusal(attach.start)
del traced[:]
wait_until(lambda: "step" in traced)
finished = True
thread.join()
threading.settrace(debugger)
hook = refusal(attach.start)
kept = threading._trace_hook is debugger
threading.settrace(None)
attach.start()
step()
lines = attach.lines_of(__file__)
attach.stop()
report(active=active, hook=hook, kept=kept, measured=step.__code__.co_firstlineno + 1 in lines)
