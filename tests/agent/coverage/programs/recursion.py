"""Runs into the limit of recursion in one file, and goes on in another."""

import sys
import types

from selfattach import SelfAttach, report

TEMPLATE = "def dive():\n    x = 1\n    return dive()\n"
SURFACE = "def surface(dive):\n    try:\n        dive()\n    except RecursionError:\n        pass\n    return 1\n"


def make(filename, source):
    module = types.ModuleType("made")
    exec(compile(source, filename, "exec"), module.__dict__)
    return module


deep = make("/in/scope/deep.py", TEMPLATE)
surface = make("/in/scope/surface.py", "\n" * 100 + SURFACE)
attach = SelfAttach()
attach.start(source_dirs=("/in/scope",))
sys.setrecursionlimit(200)
for _ in range(3):
    surface.surface(deep.dive)
sys.setrecursionlimit(1000)
files = attach.lines()
attach.stop()
report(deep=files["/in/scope/deep.py"], surface=files["/in/scope/surface.py"])
