"""Stops threads of the very program that imports it, as the agent would: from a native thread of its own."""

import _thread
import json
import sys
import threading
import time

from attach_agent.debugger.stopping import Stopping

DEADLINE = 30.0


class Importer:
    """What a part of the agent needs of the loader."""

    @staticmethod
    def native(module, *names):
        return next(getattr(module, name) for name in names if type(getattr(module, name, None)) is type(len))


never = _thread.allocate_lock()
never.acquire()


def pause(seconds):
    never.acquire(True, seconds)


def wait_until(condition):
    """Return as soon as `condition()` is true; a hanging test ends by this."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        pause(0.001)


def in_thread(function, *args):
    """What the function returns, or raises, in a native thread."""
    done = []

    def run():
        try:
            done.append((function(*args), None))
        except BaseException as error:
            done.append((None, error))

    _thread.start_new_thread(run, ())
    wait_until(lambda: done)
    if done[0][1] is not None:
        raise done[0][1]
    return done[0][0]


class Stop:
    """What `on_stop` saw; it holds the thread while `hold` is set."""

    def __init__(self, hold=False):
        self.hold = hold
        self.frames = []  # (function, line)
        self.threads = []
        self.traced = []  # what could have traced the thread, or its frames, meanwhile
        self.tools = []
        self.left = False

    def __call__(self, frame, event, argument):
        assert (event, argument) == ("line", None)
        self.threads.append(_thread.get_ident())
        self.frames.append((frame.f_code.co_name, frame.f_lineno))
        self.traced += [sys.gettrace()] if sys.gettrace() else []
        self.traced += traces(frame)
        self.tools += tools()
        wait_until(lambda: not self.hold)
        self.left = True


def traces(frame):
    found = []
    while frame is not None:
        found += [repr(frame.f_trace)] if frame.f_trace is not None else []
        found += ["no lines"] if not frame.f_trace_lines else []
        frame = frame.f_back
    return found


def tools():
    """Who holds an id of sys.monitoring."""
    if sys.version_info < (3, 12):
        return []
    return [name for name in map(sys.monitoring.get_tool, range(6)) if name]


def traces_left(*functions):
    """What is left of a request anywhere: in threads, on frames, in code, in the handlers of signals."""
    found = list(tools())
    for frame in list(sys._current_frames().values()):
        found += traces(frame)
    if sys.version_info < (3, 12):
        found += in_thread(lambda: [repr(item) for item in states().trace_objects()])
        found += in_thread(count_of_traced)
    else:
        for tool in range(6):
            sys.monitoring.use_tool_id(tool, "check")
            found += [f for f in map(repr, functions) if sys.monitoring.get_events(tool)]
            for function in functions:
                if sys.monitoring.get_local_events(tool, function.__code__):
                    found.append("events of %s" % function.__name__)
            sys.monitoring.free_tool_id(tool)
    return found


known = []


def states():
    """Of Python 3.8 - 3.11, made by a thread that is not traced."""
    if not known:
        from attach_agent.threadstates import ThreadStates

        known.append(ThreadStates())
    return known[0]


def count_of_traced():
    """Before Python 3.10 they are counted: the count, if it is not 0."""
    found = states()
    count = found._int_at(found._counter_at, 4) if found._counter_at else 0
    return ["%d threads are counted as traced" % count] if count else []


def new_stopping():
    return Stopping(Importer(), pause)


def started(function, *args):
    """A thread that runs it."""
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


def report(facts):
    sys.stdout.write(json.dumps(facts))
    sys.stdout.flush()
