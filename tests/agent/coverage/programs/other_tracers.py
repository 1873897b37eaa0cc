"""Has a trace function of its own, which must not be disturbed."""

import _thread
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


def raw():
    while not finished:
        nothing()


def nothing():
    return None


def start_raw_thread():
    _thread.start_new_thread(raw, ())
    wanted = nothing.__code__.co_firstlineno + 1
    wait_until(lambda: wanted in attach.lines_of(__file__))


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

# one that comes later, in one thread, goes on while we look for new threads, stop, and after that
finished, own = False, []


def debugged_later():
    sys.settrace(debugger)
    while not finished:
        step()
    own.append(sys.gettrace())
    sys.settrace(None)


thread = threading.Thread(target=debugged_later, daemon=True)
thread.start()
goes_on = []
for change in (lambda: None, lambda: start_raw_thread(), attach.stop):
    change()
    del traced[:]
    wait_until(lambda: "step" in traced)
    goes_on.append(True)
finished = True
thread.join()
report(
    active=active,
    hook=hook,
    kept=kept,
    measured=step.__code__.co_firstlineno + 1 in lines,
    goes_on=goes_on,
    own=own == [debugger],
    left=sys.gettrace() is None,
)
