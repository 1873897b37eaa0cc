"""Measures its own stalls: a thread ticks every millisecond; ``reset`` and ``max`` on stdin, answers on stdout."""

import sys
import threading
import time

gaps = [0.0]


def tick():
    last = time.perf_counter()
    while True:
        time.sleep(0.001)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now


threading.Thread(target=tick, daemon=True).start()
print("ready", flush=True)
for command in sys.stdin:
    if command == "reset\n":
        gaps[:] = [0.0]
        print("ok", flush=True)
    else:
        print(max(gaps), flush=True)
