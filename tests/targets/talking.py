"""A program that is about its output: three threads write numbered lines to stdout and stderr until a file appears.

The first argument is that file. The second says what ``sys.stdout`` and ``sys.stderr`` are: ``files`` (the real
ones), ``none``, ``closed``, ``memory`` or ``own`` (an object with ``write`` and ``flush`` alone). At the end it prints,
to the real stdout, one JSON object with what became of them.
"""

import io
import json
import os
import sys
import threading
import time


class Own:
    """All that ``print`` and the end of the interpreter need."""

    def __init__(self):
        self.lines = []

    def write(self, text):
        self.lines.append(text)

    def flush(self):
        pass


stop, kind = sys.argv[1:3]
real = sys.stdout
print("ready", flush=True)
if kind == "none":
    sys.stdout = sys.stderr = None
elif kind == "closed":
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    sys.stdout.close()
elif kind == "memory":
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
elif kind == "own":
    sys.stdout, sys.stderr = Own(), Own()
before = sys.stdin, sys.stdout, sys.stderr, sys.argv
failed = []


def talk(name):
    number = 0
    while not os.path.exists(stop):
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None and kind != "none":
                    stream.write("%s %d\n" % (name, number))
                else:
                    print("%s %d" % (name, number), file=stream)
                assert sys.argv[1:] == [stop, kind] and len(sys.argv) == 3 and sys.argv[2] == kind
            except ValueError:
                if kind != "closed":
                    failed.append(name)
            except Exception as error:
                failed.append(repr(error))
        number += 1
        time.sleep(0.0002)


threads = [threading.Thread(target=talk, args=("t%d" % number,)) for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
facts = {
    "same": [old is new for old, new in zip(before, (sys.stdin, sys.stdout, sys.stderr, sys.argv))],
    "failed": failed,
    "threads": sorted(thread.name for thread in threading.enumerate()),
}
for name in ("stdout", "stderr"):
    stream = getattr(sys, name)
    if kind == "memory" or (kind == "closed" and name == "stderr"):
        facts[name] = stream.getvalue()
    elif kind == "own":
        facts[name] = "".join(stream.lines)
real.write(json.dumps(facts) + "\n")
real.flush()
