"""Switches between greenlets whose code is in different files, wherever a switch can be, in several threads.

Each file has the same code at line numbers of its own, so a line in the wrong file is seen. `late`: the program has not
loaded greenlet when it is attached to, and its threads run already.
"""

import random
import sys
import threading
import types

from selfattach import SelfAttach, report, wait_until

FILES, STEP, THREADS = 6, 100, 3
TEMPLATE = """\
def deeper(switch, depth):
    if depth:
        deeper(switch, depth - 1)
    got = switch()
    return got


def produce(switch):
    for value in range(3):
        yield value
        switch()


def body(switch):
    while True:
        try:
            deeper(switch, 2)
            for value in produce(switch):
                switch()
            if switch() == "raise":
                raise KeyError
        except KeyError:
            switch()
        finally:
            got = 0
"""
LINES = {2, 3, 4, 5, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23, 25}


def make(number):
    """A module in a file of its own; its lines begin at STEP times its number."""
    module = types.ModuleType("made%d" % number)
    source = "\n" * (STEP * number) + TEMPLATE
    exec(compile(source, "/in/scope/%d.py" % number, "exec"), module.__dict__)
    return module


class Switching:
    """One thread's greenlets, one for each file, which switch to each other at random."""

    def __init__(self, modules):
        import greenlet

        self.greenlet = greenlet
        self.random = random.Random(1)
        self.main = greenlet.getcurrent()
        self.greenlets = [greenlet.greenlet(lambda *_, module=module: module.body(self.switch)) for module in modules]
        self.left = 0

    def switch(self):
        """Called in each of them: to another, or to the thread's own when it is time."""
        if self.left <= 0:
            return self.main.switch()
        self.left -= 1
        other = self.random.choice(self.greenlets)
        if other is self.greenlet.getcurrent():
            return "raise"
        if self.random.random() < 0.1:
            return other.throw(KeyError) if other else other.switch()
        return other.switch("raise" if self.random.random() < 0.5 else None)

    def some(self, count):
        """So many switches."""
        self.left = count
        try:
            self.greenlets[0].switch()
        except KeyError:
            self.__init__(modules)


late = sys.argv[1:] == ["late"]
modules = [make(number) for number in range(FILES)]
measuring = finished = False
resumed = []


def work():
    switching = None if late else Switching(modules)
    if switching is not None:
        switching.some(20)  # some are suspended in the midst of it
    resumed.append(None)
    wait_until(lambda: measuring)
    switching = switching or Switching(modules)
    while not finished:
        switching.some(1000)
    return switching


threads = [threading.Thread(target=work, daemon=True) for _ in range(THREADS)]
for thread in threads:
    thread.start()
wait_until(lambda: len(resumed) == THREADS)
attach = SelfAttach()
attach.start(source_dirs=("/in/scope",))
measuring = True
if late:
    import greenlet


def complete():
    files = attach.lines()
    return len(files) == FILES and all(len(lines) >= len(LINES) for lines in files.values())


wait_until(complete)
finished = True
for thread in threads:
    thread.join()
files = attach.lines()
attach.stop()
wrong, missing = [], []
for number in range(FILES):
    found = {line - STEP * number for line in files["/in/scope/%d.py" % number]}
    wrong += sorted(found - LINES - {15})  # some versions have no line for `while True`
    missing += sorted(LINES - found)
report(wrong=wrong, missing=missing)
