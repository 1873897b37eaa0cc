"""A program to be debugged:  python debugged.py

Says ``ready``, then answers lines: a number of turns with the nanoseconds that they took on a processor; ``line NAME``
with the number of the line marked so; ``pdb LINE`` by a pdb of its own with a breakpoint there, set as by
``pdb.set_trace()``; ``debugpy`` with the port of a debugpy in this process; ``hit`` by running the line marked so once
and telling when (nanoseconds of CLOCK_MONOTONIC) it came there and when it went on; ``busy SECONDS`` by computing for
so long in the meantime.
"""

import io
import sys
import time

LINES = {}


def elsewhere(number):
    return number + 1  # line: elsewhere


def hot(numbers):
    """What a request does: loops, calls, branches."""
    total = 0
    for number in numbers:
        if number % 3 == 0:
            total += cheap(number)
        elif number < 0:
            total -= number  # line: own
        else:
            total += number * 2
    return total


def cheap(number):
    text = str(number)
    return len(text) + number


def reached():
    came = time.monotonic_ns()
    went = time.monotonic_ns()  # line: hit
    return came, went


def busy(seconds):
    end = time.monotonic() + seconds
    turns = 0
    while time.monotonic() < end:
        turns += 1
    return turns


def turns_of(count):
    numbers = list(range(200))
    begin = time.thread_time_ns()
    for _ in range(count):
        hot(numbers)
    return time.thread_time_ns() - begin


def start_pdb(line):
    import pdb

    commands = io.StringIO(f"break {__file__}:{line}\ncontinue\n")
    debugger = pdb.Pdb(stdin=commands, stdout=io.StringIO(), nosigint=True, readrc=False)
    debugger.set_trace()


def start_debugpy():
    import debugpy

    return debugpy.listen(("127.0.0.1", 0))[1]


def main():
    with open(__file__) as file:
        for number, text in enumerate(file, 1):
            before, mark, name = text.rpartition("# line: ")
            if mark and before.strip():
                LINES[name.strip()] = number
    print("ready", flush=True)
    while True:
        words = sys.stdin.readline().split()
        if not words:
            return
        if words[0] == "line":
            print(LINES[words[1]], flush=True)
        elif words[0] == "pdb":
            start_pdb(int(words[1]))
            print("ok", flush=True)
        elif words[0] == "debugpy":
            print(start_debugpy(), flush=True)
        elif words[0] == "hit":
            print(*reached(), flush=True)
        elif words[0] == "busy":
            print(busy(float(words[1])), flush=True)
        else:
            print(turns_of(int(words[0])), flush=True)


if __name__ == "__main__":
    main()
