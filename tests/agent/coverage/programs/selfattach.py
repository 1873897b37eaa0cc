"""Measures the very program that imports it, as the agent would: from native threads of its own.

The agent's package is on PYTHONPATH; $TRACER names coverage.py's tracer for this Python, $OPTIONS has options of
`Coverage.start` as JSON.
"""

import _thread
import json
import os
import sys
import time

BEFORE = set(sys.modules)

from attach_agent.coverage.control import Coverage  # noqa: E402
from attach_agent.errors import AgentError  # noqa: E402
from attach_agent.wire import arc_ends, is_trail, unpack_arcs, unpack_lines  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
DEADLINE = 30.0
OPTIONS = json.loads(os.environ.get("OPTIONS", "{}"))
#: Is it coverage.py's tracer that measures?
TRACED = OPTIONS.get("core") == "ctracer" or sys.version_info < ((3, 14) if OPTIONS.get("branch") else (3, 12))


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

    branch = bool(OPTIONS.get("branch"))

    def __init__(self):
        self.coverage = Coverage(lambda module, *names: getattr(module, names[0]))

    def start(self, **options):
        options = dict(OPTIONS, **options)
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
        files = {}
        for name, packed in self.parts(view):
            files.setdefault(name, set()).update(lines_in(packed, self.branch))
        if reset:
            self.coverage.forget(view.number)
        return files

    def packed(self):
        """File name -> what ran, of a recording in one piece."""
        parts = self.in_thread(lambda: self.parts(self.coverage.view("", "", False)))
        files = dict(parts)
        assert len(files) == len(parts), "a file on two pages"
        return files

    def parts(self, view):
        parts, cursor = [], 0
        while cursor >= 0:
            cursor, page = self.coverage.page(view, cursor)
            parts += [(name, packed) for name, _, packed in page]
        return parts

    def lines_of(self, filename):
        return self.lines().get(os.path.abspath(filename), set())

    def entered(self, filename):
        """With branches: the first lines of code that arcs lead into, and where."""
        packed = self.in_thread(self.packed).get(os.path.abspath(filename), b"")
        return [ends for ends in map(arc_ends, unpack_arcs(packed)) if ends[0] < 0]

    @staticmethod
    def in_thread(function):
        return InThread(function).result()


def lines_in(packed, branch):
    """The lines, or those that the arcs lead from and to; where a trail leads only the source tells."""
    if not branch:
        return unpack_lines(packed)
    ends = [arc_ends(number) for number in unpack_arcs(packed) if not is_trail(number)]
    return {line for pair in ends for line in pair if line > 0}


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
