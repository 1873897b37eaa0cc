"""Measures the very program that imports it, as the agent would: from native threads of its own.

The agent's package is on PYTHONPATH; $TRACER names coverage.py's tracer for this Python, where it needs one,
$CORE what is measured with.
"""

import _thread
import json
import os
import sys
import time

BEFORE = set(sys.modules)

from attach_agent.coverage.control import Coverage  # noqa: E402
from attach_agent.errors import AgentError  # noqa: E402
from attach_agent.wire import unpack_lines  # noqa: E402

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
        options.setdefault("core", os.environ.get("CORE", "auto"))
        return dict(self.in_thread(lambda: self.coverage.start(tuple(options.items()))))

    def stop(self, discard=False):
        return dict(self.in_thread(lambda: self.coverage.stop(discard)))

    def status(self):
        return dict(self.in_thread(self.coverage.status))

    def lines(self):
        """File name -> lines."""
        return self.in_thread(self.snapshot)

    def snapshot(self):
        files, cursor = {}, 0
        while cursor >= 0:
            cursor, page = self.coverage.page(cursor)
            for name, numbits in page:
                assert name not in files, "a file on two pages"
                files[name] = unpack_lines(numbits)
        return files

    def lines_of(self, filename):
        return self.lines().get(os.path.abspath(filename), set())

    @staticmethod
    def in_thread(function):
        return InThread(function).result()


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
