"""A program that is in one state, named by its argument, until SIGUSR1 ends it.

Then it prints one line of JSON: ``eintr``, how often a call that does not know PEP 475 failed with EINTR, ``ticks``,
how often a second thread ran, and what the state itself measured. The exit status is 0 if SIGUSR1 interrupted it there.
"""

import _thread
import asyncio
import ctypes
import errno
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

facts = {"eintr": 0, "ticks": 0}
libc = ctypes.CDLL(None, use_errno=True)


def end(*_):
    os.write(1, json.dumps(facts).encode() + b"\n")
    os._exit(0)


def announces_itself(state):
    """Marks a state that says when it is ready; the others are as soon as they begin."""
    state.announces_itself = True
    return state


def ready():
    os.write(1, b"ready\n")


def again(call, *arguments):
    """Calls a function of the C library again and again, as a program that expects no EINTR."""
    while True:
        failed = call(*arguments) == -1 and ctypes.get_errno() == errno.EINTR
        time.sleep(0)  # SIGUSR1 is EINTR as well: here its handler runs, and ends the program
        facts["eintr"] += failed


def tick():
    while True:
        facts["ticks"] += 1
        time.sleep(0.001)


def in_thread(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


# ---- one thread ----


def busy():
    number = 0
    while True:
        number += 1


def sleep():
    time.sleep(1000)


def short_sleeps():
    while True:
        time.sleep(0.0001)


def accept():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        listener.accept()


def recv():
    left, right = socket.socketpair()
    left.recv(1)
    right.close()


def recv_with_timeout():
    left, right = socket.socketpair()
    left.settimeout(1000)
    left.recv(1)
    right.close()


def read_pipe():
    reading, writing = os.pipe()
    os.read(reading, 1)
    os.close(writing)


def do_select():
    select.select([], [], [], 1000)


def poll():
    select.poll().poll(1000000)


def epoll():
    select.epoll().poll(1000)


def lock():
    mutex = threading.Lock()
    mutex.acquire()
    mutex.acquire()


def lock_with_timeout():
    mutex = threading.Lock()
    mutex.acquire()
    mutex.acquire(timeout=1000)


def condition():
    waiting = threading.Condition()
    with waiting:
        waiting.wait(1000)


def pause():
    while True:
        signal.pause()


def sigwait():
    # SIGUSR1 cannot end this one but by being waited for
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    signal.sigwait([signal.SIGUSR1])
    end()


@announces_itself
def child():
    with subprocess.Popen(["sleep", "1000"]) as process:
        ready()
        process.wait()


@announces_itself
def idle_asyncio():
    async def wait():
        ready()
        await asyncio.sleep(1000)

    asyncio.run(wait())


@announces_itself
def busy_asyncio():
    async def work():
        ready()
        while True:
            await asyncio.sleep(0)

    asyncio.run(work())


# ---- more threads ----


@announces_itself
def join():
    thread = in_thread(tick)
    ready()
    thread.join()


@announces_itself
def idle_threads():
    for _ in range(40):
        in_thread(threading.Event().wait)
    ready()
    time.sleep(1000)


@announces_itself
def busy_threads():
    for _ in range(3):
        in_thread(busy)
    ready()
    busy()


@announces_itself
def busy_main():
    in_thread(tick)
    ready()
    busy()


@announces_itself
def raw_thread():
    _thread.start_new_thread(tick, ())
    while not facts["ticks"]:
        time.sleep(0.001)
    ready()
    time.sleep(1000)


def churning_threads():
    while True:
        _thread.start_new_thread(os.getpid, ())
        time.sleep(0.0002)


# ---- callers that know nothing of PEP 475 ----


def raw_epoll():
    again(libc.epoll_wait, libc.epoll_create1(0), ctypes.create_string_buffer(120), 10, -1)


def raw_epoll_with_timeout():
    again(libc.epoll_wait, libc.epoll_create1(0), ctypes.create_string_buffer(120), 10, 1000000)


def raw_poll():
    again(libc.poll, None, 0, 1000000)


def raw_sleep():
    again(libc.usleep, 1000000000)


@announces_itself
def raw_threads():
    """Two threads and the main one in waits that would be begun anew, one in between that the kernel goes on with."""

    def is_waiting(number):
        with open("/proc/self/task/%s/stat" % sorted(map(int, os.listdir("/proc/self/task")))[number]) as file:
            return file.read().rpartition(")")[2].split()[0] == "S"

    for number, wait in enumerate((raw_epoll_with_timeout, raw_poll, raw_epoll_with_timeout), 1):
        in_thread(wait)
        while not is_waiting(number):
            time.sleep(0.001)
    ready()
    raw_epoll_with_timeout()


# ---- C code ----


def hashing():
    """One short C call after the other, without the GIL."""
    while True:
        hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 20000)


def gil_heavy():
    """One C call after the other, each of which keeps the GIL."""
    numbers = list(range(100000, 0, -1)) + list(range(100000))
    while True:
        sorted(numbers, key=float)


def idle():
    """Sleeps, never for long: a signal that comes just before a sleep ends only the next one (signal(2) and Python)."""
    while True:
        time.sleep(0.05)


@announces_itself
def gil_held():
    """A C call that keeps the GIL for as many seconds as the second argument says; then idle."""
    usleep = ctypes.PyDLL(None).usleep
    microseconds = int(float(sys.argv[2]) * 1e6)
    ready()
    usleep(microseconds)
    idle()


@announces_itself
def gil_held_elsewhere():
    """The same in a second thread, while the main thread sleeps."""
    in_thread(gil_held)
    idle()


@announces_itself
def gil_free_in_c():
    """Nobody is parked and no Python runs for about as many seconds as the second argument says; then idle."""
    rounds = 50000
    begin = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", rounds)
    rounds = int(rounds * float(sys.argv[2]) / (time.monotonic() - begin))
    ready()
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", rounds)
    idle()


# ---- deadlines ----


def sleep_exactly():
    begin = time.monotonic()
    time.sleep(float(sys.argv[2]))
    facts["elapsed"] = time.monotonic() - begin
    end()


def timer_exactly():
    begin = time.monotonic()
    asyncio.run(asyncio.sleep(float(sys.argv[2])))
    facts["elapsed"] = time.monotonic() - begin
    end()


# ---- processes that cannot be attached to, or not easily ----


@announces_itself
def finalising():
    class Slow:
        def __del__(self, write=os.write, sleep=time.sleep):
            write(1, b"ready\n")
            sleep(1000)

    sys.slow = Slow()
    sys.exit()


@announces_itself
def uninterruptible():
    """The main thread waits for a child that has not yet come to exec (vfork(2)): state D."""
    fifo = os.path.join(os.environ["TMPDIR"], "fifo")
    os.mkfifo(fifo)
    ready()
    os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, fifo, os.O_RDONLY, 0)])


@announces_itself
def not_dumpable():
    libc.prctl(4, 0)  # PR_SET_DUMPABLE
    ready()
    time.sleep(1000)


@announces_itself
def denying_write_and_execute():
    """systemd's MemoryDenyWriteExecute, as kernels have it since 6.3."""
    os.write(1, b"unsupported\n" if libc.prctl(65, 1, 0, 0, 0) else b"ready\n")  # PR_SET_MDWE
    time.sleep(1000)


@announces_itself
def vetoing():
    """An audit hook that refuses to compile anything."""

    def hook(event, _arguments):
        if event == "compile":
            raise PermissionError("no code from outside \u2014 ever")

    sys.addaudithook(hook)
    ready()
    time.sleep(1000)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, end)
    state = do_select if sys.argv[1] == "select" else globals()[sys.argv[1]]
    if not hasattr(state, "announces_itself"):
        ready()
    state()
    os._exit(3)
