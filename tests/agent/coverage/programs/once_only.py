"""Runs each of 100,000 lines once, while 1,000 snapshots are taken, each of which forgets what it shows."""

import os
import sys
import tempfile
import threading

from selfattach import SelfAttach, report

FUNCTIONS, LINES, SNAPSHOTS = 2500, 40, 1000

with tempfile.TemporaryDirectory() as folder:
    source = os.path.join(folder, "big.py")
    with open(source, "w") as file:
        for number in range(FUNCTIONS):
            file.write("def f%d():\n" % number + "".join("    x%d = %d\n" % (n, n) for n in range(LINES)))
    sys.path.insert(0, folder)
    import big

    def work():
        global called
        for number in range(FUNCTIONS):
            while len(taken) < number * SNAPSHOTS // FUNCTIONS - 5:  # however threads are scheduled
                pass
            getattr(big, "f%d" % number)()
            called = number * SNAPSHOTS // FUNCTIONS

    attach = SelfAttach()
    attach.start(source_dirs=(folder,))
    sys.setswitchinterval(1e-6)
    taken, called = [], 0
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        taken.append(attach.snapshot(reset=True).get(source, set()))
        while called < len(taken) - 5 and thread.is_alive():
            pass
    sys.setswitchinterval(0.005)
    taken.append(attach.lines_of(source))
    attach.stop()

wanted = {n for n in range(1, FUNCTIONS * (LINES + 1) + 1) if n % (LINES + 1) != 1}
report(
    core=attach.core,
    snapshots=len(taken),
    missing=wanted - set().union(*taken),
    twice=sum(map(len, taken)) - len(set().union(*taken)),
    largest=max(map(len, taken)),
)
