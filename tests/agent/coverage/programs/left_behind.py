"""Other tracers come to threads that we trace, and go, in the midst of frames that go on."""

import _thread
import os
import sys
import threading
import types

import coverage
from selfattach import SelfAttach, report, wait_until

OFFSET = 5000  # no file of coverage.py has so many lines
LOOP = """\
def loop(state, begin, end):
    begin()
    end()
    while not state.finished:
        state.rounds += 1
"""
LINES = {4, 5}


class State:
    finished = False
    rounds = 0


def made():
    module = types.ModuleType("made")
    exec(compile("\n" * OFFSET + LOOP, "/in/scope/loop.py", "exec"), module.__dict__)
    return module.loop


def lines():
    return {line - OFFSET for line in attach.lines().get("/in/scope/loop.py", ())}


def wrong():
    return sorted(
        (name, line)
        for name, found in attach.lines().items()
        for line in found
        if (line > OFFSET) != (name == "/in/scope/loop.py")
    )


def until(state, condition):
    wait_until(condition)
    state.finished = True


# coverage.py begins and ends in a frame that makes no call afterwards
attach = SelfAttach()
attach.start(source_dirs=("/in/scope", os.path.dirname(coverage.__file__)))
theirs = coverage.Coverage(data_file=None, config_file=False)
state = State()
thread = threading.Thread(target=made(), args=(state, theirs.start, theirs.stop), daemon=True)
thread.start()
until(state, lambda: LINES <= lines())
thread.join()
found = wrong()


# a debugger takes a thread whose frames we have seen, and then we reach for a new thread
def trace(frame, event, arg):
    seen.append(event)
    return trace


seen, kept = [], []
state = State()


def take():
    sys.settrace(trace)


def debugged():
    made()(state, take, lambda: None)
    kept.append(sys.gettrace() is trace)
    sys.settrace(None)


thread = threading.Thread(target=debugged, daemon=True)
thread.start()
wait_until(lambda: seen and state.rounds)
raw = State()
_thread.start_new_thread(made(), (raw, bool, bool))
wait_until(lambda: LINES <= lines())
rounds = state.rounds
wait_until(lambda: state.rounds > rounds + 1000)
raw.finished = state.finished = True
thread.join()
others = dict(attach.status())["others"]
found += wrong()
attach.stop()
report(wrong=found, kept=kept, others=others)
