"""Runs the programs of a folder, one after the other, once it is told to.

    python driver.py FOLDER [warm] [coverage [branch]]

A program is a module with a function ``main``; one whose name ends in, say, ``_3_12`` needs Python 3.12. With `warm`
all have been imported and have run once before this is ready. With `coverage` it measures the programs itself from
there on, as coverage.py's API does it.
"""

import importlib
import os
import re
import signal
import sys
import time
import traceback


def names(folder):
    for entry in sorted(os.listdir(folder)):
        name, extension = os.path.splitext(entry)
        needed = re.search(r"_(\d)_(\d+)$", name)
        if extension == ".py" and (not needed or sys.version_info >= tuple(map(int, needed.groups()))):
            yield name


def run(name):
    """Import and run one program; a failure is told, and the others go on."""
    before = signal.getsignal(signal.SIGALRM)
    try:
        importlib.import_module(name).main()
    except BaseException:
        print("failed: " + name, traceback.format_exc(), sep="\n", flush=True)
    signal.signal(signal.SIGALRM, before)


def main():
    folder, options, go = sys.argv[1], sys.argv[2:], os.environ["GO"]
    sys.path.insert(0, folder)
    programs = list(names(folder))
    if "warm" in options:
        for name in programs:
            run(name)
    print("ready", flush=True)
    while not os.path.exists(go):
        time.sleep(0.005)
    measuring = started_coverage(folder, "branch" in options) if "coverage" in options else None
    for name in programs:
        run(name)
    if measuring is not None:
        measuring.stop()
        measuring.save()
    print("done", flush=True)
    while os.path.exists(go):
        time.sleep(0.005)


def started_coverage(folder, branch):
    import coverage

    measuring = coverage.Coverage(config_file=False, include=[os.path.join(folder, "*")], branch=branch)
    measuring.start()
    return measuring


if __name__ == "__main__":
    main()
