"""Imports nothing any more: a hook that refuses everything, and C modules taken out of sys.modules."""

import sys
import time

KEPT = ("sys", "builtins", "time", "_frozen_importlib", "_frozen_importlib_external", "__main__", "_imp", "_thread")


class Refuser:
    def find_spec(self, name, path=None, target=None):
        raise ImportError("no imports here: " + name)


def work(n):
    return n * 2


def main():
    sys.meta_path[:] = [Refuser()]
    for name in list(sys.modules):
        if name not in KEPT and not name.startswith("encodings"):
            del sys.modules[name]
    print("ready", flush=True)
    while True:
        work(21)
        time.sleep(0.005)


main()
