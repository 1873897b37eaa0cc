"""Runs the same lines over and over in several threads, while snapshots forget what they show.

A call that began when so many snapshots were complete, and ended when so many were, must be in one of those in between
or the one after: a line that was recorded before is reported again.
"""

import os
import sys
import tempfile
import threading
import time

from selfattach import SelfAttach, report

THREADS, FUNCTIONS, LINES = 3, 20, 10
options = dict(argument.split("=") for argument in sys.argv[1:])
SNAPSHOTS = int(options.pop("snapshots"))
if "branch" in options:
    options["branch"] = True


def first_line(thread, function):
    return (thread * FUNCTIONS + function) * (LINES + 1) + 2


with tempfile.TemporaryDirectory() as folder:
    source = os.path.join(folder, "big.py")
    with open(source, "w") as file:
        for thread in range(THREADS):
            for number in range(FUNCTIONS):
                file.write("def f%d_%d():\n" % (thread, number))
                file.write("".join("    x%d = %d\n" % (n, n) for n in range(LINES)))
    sys.path.insert(0, folder)
    import big

    def work(thread):
        functions = [getattr(big, "f%d_%d" % (thread, number)) for number in range(FUNCTIONS)]
        while not finished:
            seen = len(taken)
            for number, function in enumerate(functions * 2):
                before = len(taken)
                function()
                calls[thread].append((before, len(taken), number % FUNCTIONS))
            while seen == len(taken) and not finished:
                time.sleep(0)

    attach = SelfAttach()
    attach.start(source_dirs=(folder,), **options)
    sys.setswitchinterval(1e-6)
    taken, calls, finished = [], [[] for _ in range(THREADS)], False
    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    while len(taken) < SNAPSHOTS:
        taken.append(attach.snapshot(reset=True).get(source, set()))
        # after that each line is reported once more: the next one is taken in the middle of it
        enough = len(calls[0]) + len(taken) % FUNCTIONS
        while len(calls[0]) < enough:
            time.sleep(0)
    finished = True
    for thread in threads:
        thread.join()
    sys.setswitchinterval(0.005)
    taken.append(attach.snapshot(reset=True).get(source, set()))
    attach.stop()

lost, late = [], 0
for thread in range(THREADS):
    for before, after, number in calls[thread]:
        start = first_line(thread, number)
        found = set().union(*taken[before : after + 2])
        missing = set(range(start, start + LINES)) - found
        late += before == after
        if missing:
            lost.append((thread, before, after, sorted(missing)))
report(core=attach.core, snapshots=len(taken), calls=sum(map(len, calls)), within=late, lost=lost[:10], count=len(lost))
