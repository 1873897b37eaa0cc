"""Is measured beside another tool, which is started before us or after us: argv is its name, and which."""

import os
import sys
import threading

import beside_work
from selfattach import SelfAttach, report, wait_until

HERE, WORK = os.path.abspath(__file__), os.path.abspath(beside_work.__file__)


class Coverage:
    """coverage.py itself, on one of its cores."""

    def __init__(self, core):
        os.environ["COVERAGE_CORE"] = core

    def start(self):
        import coverage

        self.tool = coverage.Coverage(data_file=None, config_file=False, include=[WORK])
        self.tool.start()

    def stop(self):
        self.tool.stop()

    def saw(self):
        return set(self.tool.get_data().lines(WORK) or ())


class Tracing:
    """A trace function for this thread, or for those that begin, as a simple debugger has it."""

    def __init__(self, everywhere=False):
        self.everywhere = everywhere
        self.lines = set()

    def trace(self, frame, event, arg):
        if frame.f_code.co_filename == beside_work.__file__:
            self.lines.add(frame.f_lineno)
        return self.trace

    def start(self):
        sys.settrace(self.trace)
        if self.everywhere:
            threading.settrace(self.trace)

    def stop(self):
        sys.settrace(None)
        if self.everywhere:
            threading.settrace(None)

    def saw(self):
        return self.lines


class Debugger:
    """bdb, the machinery of pdb, which steps through everything after a set_trace()."""

    def start(self):
        import bdb

        lines = self.lines = set()

        class Stepping(bdb.Bdb):
            def user_line(self, frame):
                if frame.f_code.co_filename == beside_work.__file__:
                    lines.add(frame.f_lineno)
                self.set_step()

        self.tool = Stepping()
        self.tool.set_trace()

    def stop(self):
        self.tool.set_continue()

    def saw(self):
        return self.lines


class Profile:
    """cProfile: what it saw is told by the names of functions."""

    def start(self):
        import cProfile

        self.tool = cProfile.Profile()
        self.tool.enable()

    def stop(self):
        self.tool.disable()

    def saw(self):
        self.tool.create_stats()
        return {line + 1 for file, line, _ in self.tool.stats if file == beside_work.__file__}


class Profiling(Profile):
    """A function for sys.setprofile."""

    def start(self):
        self.lines = set()
        sys.setprofile(self.profile)

    def profile(self, frame, event, arg):
        if event == "call" and frame.f_code.co_filename == beside_work.__file__:
            self.lines.add(frame.f_code.co_firstlineno + 1)

    def stop(self):
        sys.setprofile(None)

    def saw(self):
        return self.lines


class Yappi(Profile):
    """A profiler in C that profiles all threads."""

    def start(self):
        import yappi

        self.tool = yappi
        yappi.start()

    def stop(self):
        self.tool.stop()

    def saw(self):
        return {one.lineno + 1 for one in self.tool.get_func_stats() if one.module == beside_work.__file__}


TOOLS = {
    "ctrace": lambda: Coverage("ctrace"),
    "pytrace": lambda: Coverage("pytrace"),
    "sysmon": lambda: Coverage("sysmon"),
    "settrace": Tracing,
    "settrace everywhere": lambda: Tracing(True),
    "bdb": Debugger,
    "cProfile": Profile,
    "setprofile": Profiling,
    "yappi": Yappi,
}


def lines_of(function):
    first = function.__code__.co_firstlineno
    return {first + 1, first + 2}


def call(function):
    """Here, and in a thread that begins now."""
    function()
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def measured(function):
    return lines_of(function) <= attach.lines().get(WORK, set())


def until_measured(function):
    """A thread that another tool has given back is found after a moment."""

    def again():
        function()
        return measured(function)

    wait_until(again)


def left():
    """What is set in this thread and in `threading`, and the ids of sys.monitoring."""
    tools = [sys.monitoring.get_tool(tool) for tool in range(6)] if hasattr(sys, "monitoring") else []
    hooks = [str(threading._trace_hook), str(threading._profile_hook)]
    return [str(sys.gettrace()), str(sys.getprofile()), hooks, tools]


def ours_on_frames():
    """Trace functions of ours; others, such as bdb, leave their own on frames."""
    frame, found = sys._getframe(), []
    while frame is not None:
        if frame.f_trace is entry or id(frame.f_trace) in tracers:
            found.append(str(frame.f_trace))
        frame = frame.f_back
    return found


name, when = sys.argv[1:]
if name == "yappi":
    import yappi
tool = TOOLS[name]()
clean = left()
attach = SelfAttach()
refused, others = None, []
if when == "before":
    tool.start()
    before = left()
    try:
        attach.start()
    except Exception as error:
        refused = [error.slug, error.message]
        unchanged = left() == before
        call(beside_work.first)
    else:
        unchanged = True
        call(beside_work.first)
        until_measured(beside_work.first)
    tool.stop()
    if refused:
        attach.start()
else:
    attach.start()
    until_measured(beside_work.second)
    tool.start()
    call(beside_work.first)
    wait_until(lambda: measured(beside_work.first) or dict(attach.status())["others"])
    tool.stop()
    others = dict(attach.status())["others"]
    unchanged = True
saw = tool.saw()
until_measured(beside_work.third)
files = attach.lines()
collector = attach.coverage._collector
entry = getattr(collector, "_entry", attach)
tracers = dict(getattr(getattr(collector, "_tracers", None), "by_id", {}))
attach.stop()
report(
    refused=refused,
    unchanged=unchanged,
    others=others,
    saw=lines_of(beside_work.first) <= saw if not isinstance(tool, Profile) else
    min(lines_of(beside_work.first)) in saw,
    wrong=sorted(line for line in files[WORK] if line < 300) + sorted(line for line in files.get(HERE, ()) if line > 300),
    left=ours_on_frames() + [pair for pair in zip(left(), clean) if pair[0] != pair[1]],
)
