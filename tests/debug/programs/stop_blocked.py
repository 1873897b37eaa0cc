"""The main thread waits in the way that the argument says; it is stopped there, and waits on. Prints what was seen."""

import asyncio
import ctypes
import os
import queue
import select
import signal
import socket
import sys
import threading
import time

from selfstop import Stop, new_stopping, pause, report, started, traces_left

SECONDS = 1.5
WAY = sys.argv[1]
reading, writing = os.pipe()
facts = {"problem": None, "loop": []}
stopping = new_stopping()
main = threading.get_ident()
stop = Stop()


def sleep():
    time.sleep(SECONDS)


def selecting():
    assert select.select([reading], [], [], SECONDS) == ([], [], [])


def lock():
    held = threading.Lock()
    held.acquire()
    assert not held.acquire(True, SECONDS)


def get():
    try:
        queue.Queue().get(timeout=SECONDS)
    except queue.Empty:
        return
    raise AssertionError


def accept():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        server.settimeout(SECONDS)
        try:
            server.accept()
        except socket.timeout:
            return
        raise AssertionError


def join():
    started(time.sleep, SECONDS).join()


def asynchronous():
    """With a wake-up descriptor, and a handler of the loop's own: nothing is called but what is meant."""

    async def work():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: facts["loop"].append(str(context)))
        loop.add_signal_handler(signal.SIGUSR1, facts["loop"].append, "SIGUSR1")
        await asyncio.sleep(SECONDS)

    asyncio.run(work(), debug=True)


def uses_sigurg():
    signal.signal(signal.SIGURG, lambda *_: facts["loop"].append("SIGURG"))
    time.sleep(SECONDS)


def blocks_sigurg():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGURG])
    time.sleep(SECONDS)


def uses_both():
    signal.signal(signal.SIGWINCH, lambda *_: facts["loop"].append("SIGWINCH"))
    uses_sigurg()


def no_handlers():
    """As a program that a shell has started in the background: SIGINT is ignored, and no signal has a handler."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(SECONDS)


def waits_for_signal():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    signal.pause()


def in_c():
    """A library that does not know of Python's signals: it is stopped when the call returns."""
    libc = ctypes.CDLL(None)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        libc.usleep(int(1e6 * SECONDS))


def request():
    pause(0.1)
    before = handlers()
    facts["problem"] = stopping.request(main, stop)
    facts["handlers"] = handlers() == before


def handlers():
    """In Python, and which signals the kernel has handlers for."""
    with open("/proc/self/status") as status:
        caught = next(line for line in status if line.startswith("SigCgt"))
    return list(map(str, map(signal.getsignal, (signal.SIGINT, signal.SIGURG, signal.SIGWINCH)))), caught


thread = started(request)
function = globals()[WAY]
begin = time.monotonic()
function()
facts["seconds"] = time.monotonic() - begin
thread.join()
facts["revoked"] = stopping.revoke()
facts["stops"] = stop.frames
facts["meanwhile"] = list(map(str, stop.traced + stop.tools))
facts["thread"] = stop.threads in ([], [main])
facts["left"] = traces_left(function)
stopping.close()
report(facts)
