"""A busy server without the server: main loop and a worker call small functions and count in a shared file.

counting.py FILE [alone]: without the worker.
"""

import mmap
import struct
import sys
import threading


def price(n):
    total = 0
    for i in range(n):
        if i % 3 == 0:
            total += i
        elif i % 5 == 0:
            total -= 1
        else:
            total += step(i)
    return total


def step(i):
    return i & 7


def serve(slot):
    count = 0
    while True:
        price(20)
        count += 1
        if count % 64 == 0:
            struct.pack_into("Q", shared, slot, count)


with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 4096)
if "alone" not in sys.argv:
    threading.Thread(target=serve, args=(8,), daemon=True).start()
print("ready", flush=True)
serve(0)
