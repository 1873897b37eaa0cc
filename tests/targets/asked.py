"""Runs what it is told: names of its functions, line by line in the file that its argument names.

Prints `ready`, and `did COUNT` after each. At `end` it ends in an orderly way, with a last function at exit.
"""

import atexit
import gc
import os
import sys
import time


def one():
    return 1  # one


def two():
    return 2  # two


def three(value=3):
    if value:  # three
        return value  # three
    return 0  # never


def database():
    import sqlite3

    with sqlite3.connect(":memory:") as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        assert connection.execute("select ?", (b"1",)).fetchone() == (b"1",)
    connection.close()


def child():
    child = os.fork()
    if not child:
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0


def kept():
    gc.collect()
    print("kept", [type(thing).__name__ for thing in gc.get_objects() if type(thing).__name__ == "Saver"], flush=True)


@atexit.register
def last():
    return 4  # last


def main():
    with open(sys.argv[1]) as told:
        print("ready", flush=True)
        count = 0
        while True:
            name = told.readline().strip()
            if name == "end":
                return
            if name:
                globals()[name]()
                count += 1
                print("did", count, flush=True)
            else:
                time.sleep(0.005)


if __name__ == "__main__":
    main()
