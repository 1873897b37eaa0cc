"""Imports modules while a signal handler raises all the time; those that were imported are measured, line for line."""

import importlib
import os
import signal
import sys
import tempfile

from selfattach import SelfAttach, report

TEMPLATE = "def made():\n    a = 1\n    b = 2\n    return a + b\n\n\nfor _ in range(3):\n    made()\n"
BROKEN = "def made():\n    return 1 // 0\n\n\nmade()\n"
LINES = {1, 2, 3, 4, 7, 8}
MODULES = 300
raised = caught = 0


class Tick(Exception):
    pass


def handler(number, frame):
    """Raises in the middle of our own code, which must let it pass."""
    global raised
    if "attach_agent" in frame.f_code.co_filename:
        raised += 1
        raise Tick


def traceback_names(error):
    names, entry = [], error.__traceback__
    while entry is not None:
        names.append(entry.tb_frame.f_code.co_name)
        entry = entry.tb_next
    return names


complete, wrong = 0, []
with tempfile.TemporaryDirectory() as folder:
    for number in range(MODULES):
        with open(os.path.join(folder, "made_%d.py" % number), "w") as file:
            file.write(TEMPLATE)
    with open(os.path.join(folder, "broken.py"), "w") as file:
        file.write(BROKEN)
    sys.path.insert(0, folder)
    try:
        import broken
    except ZeroDivisionError as error:
        before = traceback_names(error)
    attach = SelfAttach()
    attach.start(source_dirs=(folder,))
    try:
        import broken
    except ZeroDivisionError as error:
        during = traceback_names(error)
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
    for number in range(MODULES):
        name = "made_%d" % number
        while name not in sys.modules:
            try:
                importlib.import_module(name)
            except Tick as tick:
                while isinstance(tick, Tick):  # one that came while another was on its way out has it as its context
                    caught += 1
                    tick = tick.__context__
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    files = attach.lines()
    refused = attach.status()["refused_code"]
    attach.stop()
    for number in range(MODULES):
        found = files.get(os.path.join(folder, "made_%d.py" % number), set())
        complete += found == LINES
        if found != LINES:
            wrong.append(sorted(found))
report(lost=raised - caught, raised=raised, complete=complete, wrong=wrong[:5], refused=refused, same=before == during)
