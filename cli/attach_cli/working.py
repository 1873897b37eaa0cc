"""Something that takes a while, shown from its first moment: on a terminal it ticks, elsewhere it is one plain line."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attach_cli import console

_TICK_SECONDS = 0.2


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show `text` on stderr for as long as the block lasts, unless -q was given."""
    if console.quiet():
        yield
        return
    if not console.can_write_over():
        console.say(f"{text} ...")
        yield
        return
    done = threading.Event()
    ticking = threading.Thread(target=_tick, args=(text, done), daemon=True)
    ticking.start()
    try:
        yield
    finally:
        done.set()
        ticking.join()


def _tick(text: str, done: threading.Event) -> None:
    """One line that counts the seconds, written over again and again, and gone at the end."""
    began = time.monotonic()
    while True:
        line = f"{text} ... {time.monotonic() - began:.0f} s"
        # no wider than the terminal: a line that wraps cannot be written over
        print(f"\r{line[: console.terminal_width() - 1]}", end="", file=sys.stderr, flush=True)
        if done.wait(_TICK_SECONDS):
            break
    print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # erase the line (ECMA-48, EL)
