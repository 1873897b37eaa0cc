"""Runs each line of a large module once, while snapshots are taken as fast as they can be."""

import os
import sys
import tempfile
import threading

from selfattach import SelfAttach, report

FUNCTIONS, LINES = 600, 40

with tempfile.TemporaryDirectory() as folder:
    source = os.path.join(folder, "big.py")
    with open(source, "w") as file:
        for number in range(FUNCTIONS):
            file.write("def f%d():\n" % number + "".join("    x%d = %d\n" % (n, n) for n in range(LINES)))
    sys.path.insert(0, folder)
    import big

    def work():
        for number in range(FUNCTIONS):
            while len(taken) < number // 30:  # however threads are scheduled, there are snapshots in between
                pass
            getattr(big, "f%d" % number)()

    attach = SelfAttach()
    attach.start(source_dirs=(folder,))
    sys.setswitchinterval(1e-6)
    taken = [set()]
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        taken.append(attach.snapshot().get(source, set()))
    sys.setswitchinterval(0.005)
    taken.append(attach.lines_of(source))
    attach.stop()

wanted = {n for n in range(1, FUNCTIONS * (LINES + 1) + 1) if n % (LINES + 1) != 1}
report(
    snapshots=len(taken),
    missing=wanted - taken[-1],
    lost=sum(len(older - newer) for older, newer in zip(taken, taken[1:])),
)
