"""Takes lines away while others run once and a loop runs all the time; each line is in one of the pictures."""

import os
import sys
import tempfile
import threading

from attach_agent.coverage.probes.registry import Probed
from attach_agent.coverage.probes.rewriting import rewrite
from selfattach import SelfAttach, report, wait_until

FUNCTIONS, LINES = 400, 25


def two(value):
    if value:
        return 1
    return 2


def between():
    """The lines of `two` that are told when one runs after the probes were read and before they are made ready."""
    told = set()
    probed = Probed(rewrite(two.__code__, lambda code: code), told)
    function = type(two)(probed.rewritten.code, {})
    function(1)
    probed.fold()
    function(0)
    probed.arm()
    told.clear()
    probed.fold()
    return [line - two.__code__.co_firstlineno for line in sorted(told)]


with tempfile.TemporaryDirectory() as folder:
    source = os.path.join(folder, "once.py")
    with open(source, "w") as file:
        for number in range(FUNCTIONS):
            file.write("def f%d():\n" % number + "".join("    x%d = %d\n" % (n, n) for n in range(LINES)))
        file.write("turns = 0\nfinished = False\ndef turn():\n    global turns\n    turns += 1\n")
        file.write("def loop():\n    while not finished:\n        turn()\n")
    sys.path.insert(0, folder)
    attach = SelfAttach()
    attach.start(source_dirs=(folder,))
    import once

    attach.lines()

    def take():
        """What a snapshot with --reset does: a copy, which is taken away, and then all is reported once more."""
        collector = attach.coverage._collector
        collector.collect()
        lines = attach.coverage._history.recording.files[source]
        taken = lines.copy()
        lines -= taken
        collector.restart()
        return taken

    def work():
        for number in range(FUNCTIONS):
            while len(pictures) < number // 10:
                pass
            getattr(once, "f%d" % number)()

    pictures = [attach.in_thread(take)]
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=work), threading.Thread(target=once.loop)]
    for thread in threads:
        thread.start()
    while threads[0].is_alive():
        pictures.append(attach.in_thread(take))
    turns = []
    for _ in range(3):
        before = once.turns
        wait_until(lambda before=before: once.turns > before + 1)
        turns.append(attach.in_thread(take))
    once.finished = True
    threads[1].join()
    sys.setswitchinterval(0.005)
    pictures += turns
    pictures.append(attach.in_thread(take))
    last = attach.lines_of(source)
    attach.stop()

wanted = {n for n in range(1, FUNCTIONS * (LINES + 1) + 1) if n % (LINES + 1) != 1}
turn = FUNCTIONS * (LINES + 1) + 5
seen = [picture & wanted for picture in pictures[1:]]
report(
    pictures=len(pictures),
    missing=sorted(wanted - set().union(*seen))[:10],
    twice=sum(map(len, seen)) - len(set().union(*seen)),
    turns=[turn in picture for picture in turns],
    last=last,
    between=between(),
)
