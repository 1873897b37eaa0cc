"""Switches greenlets where the stack has no room for greenlet's hook: what is measured then is right, or refused."""

import sys
import types

import greenlet
from selfattach import SelfAttach, report

STEP = 100
TEMPLATE = """\
def dive(switch):
    try:
        switch()
        dive(switch)
    except RecursionError:
        pass
    switch()
"""
LINES = set(range(1, 8))


def make(number):
    module = types.ModuleType("made%d" % number)
    exec(compile("\n" * (STEP * number) + TEMPLATE, "/in/scope/%d.py" % number, "exec"), module.__dict__)
    return module


sys.setrecursionlimit(300)
main = greenlet.getcurrent()
attach = SelfAttach()
attach.start(source_dirs=("/in/scope",))
wrong, refused = [], 0
for _ in range(5):
    greenlets = [greenlet.greenlet(make(number).dive) for number in range(3)]
    while not all(one.dead for one in greenlets):
        for one in greenlets:
            try:
                one.switch(main.switch)
            except RecursionError:
                pass
    try:
        files = attach.lines()
    except Exception as error:
        assert error.slug == "greenlets-unnoticed"
        refused += 1
    else:
        for number in range(3):
            found = files.get("/in/scope/%d.py" % number, set())
            wrong += sorted({line - STEP * number for line in found} - LINES)
    attach.stop(discard=True)
    attach.start(source_dirs=("/in/scope",))
attach.stop()
report(wrong=wrong, refused=refused)
