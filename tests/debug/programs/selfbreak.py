"""Sets breakpoints in the very program that imports it, as the agent would: from native threads of its own."""

import _thread
import json
import sys
import time
from types import SimpleNamespace

from attach_agent.debugger.breakpoints import Breakpoints
from attach_agent.errors import AgentError

DEADLINE = 30.0


def wait_until(condition):
    """Return as soon as `condition()` is true; a hanging test ends by this."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.001)


def in_thread(function, *arguments):
    """What `function` returns or raises in a native thread."""
    result = []

    def run():
        try:
            result.append((function(*arguments), None))
        except BaseException as error:
            result.append((None, error))

    _thread.start_new_thread(run, ())
    wait_until(lambda: result)
    value, error = result[0]
    if error is not None:
        raise error
    return value


def refusal(function, *arguments):
    """Slug and message of the AgentError that it must raise."""
    try:
        function(*arguments)
    except AgentError as error:
        return [error.slug, error.message]
    raise SystemExit("it was not refused")


class SelfBreak:
    """The methods of `Breakpoints`, each called in a native thread; `hits` are (function, line), in order."""

    def __init__(self):
        self.hits = []
        self.raised = []
        #: called with the frame at each hit
        self.at_hit = lambda frame: None
        importer = SimpleNamespace(native=lambda module, *names: getattr(module, names[0]))
        never = _thread.allocate_lock()
        never.acquire()
        pause = lambda seconds: never.acquire(True, seconds)
        self.breakpoints = in_thread(Breakpoints, importer, pause, self.on_line, self.on_exception)

    def __getattr__(self, name):
        return lambda *arguments: in_thread(getattr(self.breakpoints, name), *arguments)

    def on_line(self, frame, event, arg):
        assert event == "line" and arg is None
        self.hits.append((frame.f_code.co_name, frame.f_lineno))
        self.at_hit(frame)
        return frame.f_trace

    def on_exception(self, frame, exception):
        self.raised.append((frame.f_code.co_name, type(exception).__name__))

    def take(self):
        """The hits since the last time."""
        hits, self.hits = self.hits, []
        return hits


def report(**values):
    """Tell the test; sets become sorted lists."""
    json.dump(values, sys.stdout, default=sorted)
    sys.stdout.flush()
