"""Tells which threads are traced while there are probes, and what is measured in those that are not."""

import os
import sys
import tempfile
import threading

from selfattach import SelfAttach, report, wait_until

finished = False
traced = {}


def numbers():
    """A generator that is suspended at the attach."""
    yield 1
    yield 2


def old():
    """Runs at the attach, and ends at some time."""
    while not finished:
        traced["old"] = sys.gettrace() is not None


def new(name):
    traced[name] = sys.gettrace() is not None


def lines_below(function):
    return {function.__code__.co_firstlineno + 1}


def in_thread(name):
    thread = threading.Thread(target=new, args=(name,))
    thread.start()
    thread.join()


def run(folder):
    """All of the program, so that no line of it is one of a module that runs."""
    global finished
    attach = SelfAttach()
    attach.start(source_dirs=(folder,))
    sys.path.insert(0, folder)
    import measured

    generator = measured.numbers()
    attach.stop(discard=True)

    next(generator)
    attach.start(source_dirs=(folder,))
    in_thread("waiting")  # the generator may go on in any thread
    rest = list(generator)
    wait_until(lambda: not attach.status()["traced_too"])
    in_thread("ended")
    new("main")
    thread = threading.Thread(target=measured.long)
    thread.start()
    wait_until(lambda: measured.turns > 100)
    late = threading.Thread(target=__import__, args=("late",))
    late.start()
    late.join()
    attach.stop(discard=True)

    attach.start(source_dirs=(folder,))  # `long` runs since before
    in_thread("beside")
    wait_until(lambda: measured.traced)
    measured.finished = True
    thread.join()
    wait_until(lambda: not attach.status()["traced_too"])
    found = attach.lines()
    attach.stop()
    return rest, {os.path.basename(name): sorted(lines) for name, lines in found.items()}


MEASURED = """import sys
turns = 0
finished = traced = False
def numbers():
    yield 1
    yield 2
def long():
    global turns, traced
    while not finished:
        turns += 1
        traced = sys.gettrace() is not None
    return turns
"""

with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "measured.py"), "w") as file:
        file.write(MEASURED)
    with open(os.path.join(folder, "late.py"), "w") as file:
        file.write("def late():\n    return 1\nif late():\n    x = [n for n in (1, 2)]\n")
    rest, found = run(folder)
report(rest=rest, found=found, traced=traced)
