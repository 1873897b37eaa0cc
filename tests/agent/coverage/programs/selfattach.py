"""Measures the very program that imports it, as the agent would: from native threads of its own.

The agent's package is on PYTHONPATH; $TRACER names coverage.py's tracer for this Python, where it needs one.
"""

import _thread
import json
import os
import sys
import time

BEFORE = set(sys.modules)

from attach_agent.coverage.control import Coverage  # noqa: E402
from attach_agent.errors import AgentError  # noqa: E402
from attach_agent.wire import arc_ends, unpack_arcs, unpack_lines  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
DEADLINE = 30.0


class InThread:
    """Runs `function` in a native thread; `result()` is what it returns or raises."""

    def __init__(self, function):
        self.function = function
        self.value = self.error = None
        self.done = False
        _thread.start_new_thread(self.run, ())

    def run(self):
        try:
            self.value = self.function()
        except BaseException as error:
            self.error = error
        self.function = None
        self.done = True

    def result(self):
        wait_until(lambda: self.done)
        if self.error is not None:
            raise self.error
        return self.value


def wait_until(condition):
    """Return as soon as `condition()` is true; a hanging test ends by this."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.001)


class SelfAttach:
    """The methods of `Coverage`, each called in a native thread."""

    def __init__(self):
        self.coverage = Coverage(lambda module, *names: getattr(module, names[0]))

    def start(self, **options):
        options.setdefault("source_dirs", (HERE,))
        options["tracer"] = tracer()
        status = dict(self.in_thread(lambda: self.coverage.start(tuple(options.items()))))
        self.core = status["core"]
        self.branch = dict(status["scope"])["branch"]
        return status

    def stop(self, discard=False):
        return dict(self.in_thread(lambda: self.coverage.stop(discard)))

    def status(self):
        return dict(self.in_thread(self.coverage.status))

    def lines(self):
        """File name -> lines."""
        return self.in_thread(self.snapshot)

    def snapshot(self, since="", name="", reset=False):
        """File name -> lines, read by the thread that calls; none if nothing was recorded."""
        if not self.coverage.holds_data():
            return {}
        view = self.coverage.view(since, name, reset)
        files, cursor = {}, 0
        while cursor >= 0:
            cursor, page = view.page(cursor)
            for name, _, numbits in page:
                files.setdefault(name, set()).update(lines_in(numbits, self.branch))
        if reset:
            self.coverage.forget(view.number)
        return files

    def lines_of(self, filename):
        return self.lines().get(os.path.abspath(filename), set())

    @staticmethod
    def in_thread(function):
        return InThread(function).result()


def lines_in(packed, branch):
    """The lines, or those that the arcs lead from and to."""
    if not branch:
        return unpack_lines(packed)
    return {line for arc in unpack_arcs(packed) for line in arc_ends(arc) if line > 0}


def tracer():
    path = os.environ.get("TRACER")
    if not path:
        return b""
    with open(path, "rb") as file:
        return file.read()


def refusal(function):
    """The slug and message of the AgentError that `function` must raise."""
    try:
        function()
    except AgentError as error:
        return error.slug, error.message
    raise SystemExit("it was not refused")


def report(**values):
    """Tell the test; sets become sorted lists."""
    json.dump(values, sys.stdout, default=sorted)
    sys.stdout.flush()
