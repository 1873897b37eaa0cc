"""A program under load that checks itself. Arguments: the name of a load, and a file of 4096 bytes.

Whoever watches writes the phase into the file's first byte; phase 9 is the end. Then the program prints one line of
JSON and exits with 0:

``counts``      what it has done: name -> how often
``findings``    what must not happen: a wrong checksum, a lost thread or signal, EINTR where nobody expects it
``late``        phase -> tenths of a millisecond -> how often something came that late

No thread waits for the watcher: a thread that is parked for that would be borrowed by every attach.
"""

import asyncio
import collections
import ctypes
import errno
import json
import mmap
import os
import queue
import random
import select
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from _thread import start_new_thread

END = 9
PATIENCE = 10  # seconds after which a thread, a child or an answer counts as lost
EARLY = 0.001  # seconds that a wait may be too short: clocks are rounded

board = mmap.mmap(os.open(sys.argv[2], os.O_RDWR | os.O_CLOEXEC), 4096)
now = time.perf_counter
records = []


class Record:
    """What one thread notes: no two threads share one, so no number is lost."""

    def __init__(self):
        self.counts = collections.Counter()
        self.findings = collections.Counter()
        self.late = collections.defaultdict(collections.Counter)
        records.append(self)

    def lateness(self, seconds):
        """How late something came, or how long it took where that is the same."""
        self.late[board[0]][max(0, int(seconds * 1e4))] += 1

    def waited(self, seconds, begin):
        """A wait of so many seconds has just ended."""
        elapsed = now() - begin
        self.counts["waits"] += 1
        self.lateness(elapsed - seconds)
        if elapsed < seconds - EARLY:
            self.findings["a wait ended early"] += 1

    def expect(self, fine, what):
        if not fine:
            self.findings[what] += 1


def going():
    return board[0] != END


def in_threads(function, cases):
    """Runs `function(record, case)` for each case, the first here, the others in threads of their own, to their end."""
    first, *others = cases
    own = Record()

    def run(case):
        record = Record()
        try:
            function(record, case)
        except BaseException as error:
            record.findings["%s: %r" % (function.__name__, error)] += 1

    threads = [threading.Thread(target=run, args=(case,), daemon=True) for case in others]
    for thread in threads:
        thread.start()
    run(first)
    for thread in threads:
        thread.join(PATIENCE)
        own.expect(not thread.is_alive(), "a thread was lost")


# ---- memory and threads ----


def memory(patience=10):
    """Four threads allocate and free, and give way often; each object is checked before it goes."""

    def allocate(record, number):
        choice = random.Random(number)
        kept = []
        while going():
            begin = now()
            size = choice.randrange(1, 4000)
            block = bytes([size & 0xFF]) * size
            words = {str(i): [i] * (i % 7) for i in range(size % 50)}
            kept.append((zlib.crc32(block), block, len(words), sum(map(sum, words.values())), words))
            if len(kept) > 200:
                checksum, block, length, total, words = kept.pop(choice.randrange(len(kept)))
                record.expect(zlib.crc32(block) == checksum, "a wrong checksum")
                record.expect((len(words), sum(map(sum, words.values()))) == (length, total), "a wrong dictionary")
            record.counts["rounds"] += 1
            record.lateness(now() - begin)
            if patience and record.counts["rounds"] % patience == 0:
                time.sleep(0)

    in_threads(allocate, range(4))


def busy():
    """The same, but who has the interpreter lock keeps it until it is asked for it: for 5 ms."""
    memory(patience=0)


def churn():
    """More than a thousand new threads a second; each allocates, and all must have ended at the end."""
    record = Record()
    lock = threading.Lock()
    ended = 0

    def short(begin):
        nonlocal ended
        block = bytearray(random.randrange(1, 20000))
        with lock:
            ended += 1
            record.expect(not any(block[:64]), "memory that is not zero")
            record.lateness(now() - begin)

    started = 0
    begin = now()
    while going():
        if started % 4:
            start_new_thread(short, (now(),))
        else:
            threading.Thread(target=short, args=(now(),), daemon=True).start()
        started += 1
        while started - ended > 40 and now() - begin < 3600:
            time.sleep(0.0005)
    record.counts["threads"] = started
    record.counts["threads a second"] = int(started / (now() - begin))
    end = now() + PATIENCE
    while ended < started and now() < end:
        time.sleep(0.01)
    record.expect(ended == started, "%d threads were lost" % (started - ended))


def idle():
    """300 threads that wait; the main thread keeps its appointments, and at the end they all answer."""
    record = Record()
    over = threading.Event()
    answers = []

    def wait(number):
        over.wait()
        answers.append(number)

    threads = [threading.Thread(target=wait, args=(number,), daemon=True) for number in range(300)]
    for thread in threads:
        thread.start()
    os.write(1, b"ready\n")
    while going():
        begin = now()
        time.sleep(0.02)
        record.waited(0.02, begin)
    over.set()
    for thread in threads:
        thread.join(PATIENCE)
    record.expect(sorted(answers) == list(range(300)), "%d of 300 threads were lost" % (300 - len(answers)))


# ---- networks and loops ----


def echo():
    """A server on 127.0.0.1 and four clients that compare each answer."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve():
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(connection, selectors.EVENT_READ)
                    continue
                data = key.fileobj.recv(1 << 16)
                if data:
                    key.fileobj.sendall(data)
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()

    def ask(record, number):
        choice = random.Random(number)
        while going():
            with socket.create_connection(listener.getsockname(), timeout=PATIENCE) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for _ in range(20):
                    question = os.urandom(choice.randrange(1, 5000))
                    begin = now()
                    connection.sendall(question)
                    answer = b""
                    while len(answer) < len(question):
                        piece = connection.recv(1 << 16)
                        if not piece:
                            break
                        answer += piece
                    record.lateness(now() - begin)
                    record.counts["requests"] += 1
                    record.expect(answer == question, "a wrong answer")
                    time.sleep(0.001)

    threading.Thread(target=serve, daemon=True).start()
    in_threads(ask, range(4))


def aio():
    """asyncio: thirty timers, a conversation over a socket, work in an executor."""
    record = Record()

    async def timers(number):
        choice = random.Random(number)
        while going():
            seconds = choice.uniform(0.001, 0.05)
            begin = now()
            await asyncio.sleep(seconds)
            record.waited(seconds, begin)

    async def answer(reader, writer):
        while True:
            writer.write(await reader.readexactly(1000))

    async def converse():
        left, right = socket.socketpair()
        server = asyncio.ensure_future(answer(*await asyncio.open_connection(sock=right)))
        reader, writer = await asyncio.open_connection(sock=left)
        while going():
            question = os.urandom(1000)
            writer.write(question)
            record.expect(await asyncio.wait_for(reader.readexactly(1000), PATIENCE) == question, "a wrong answer")
            record.counts["requests"] += 1
            await asyncio.sleep(0.002)
        server.cancel()

    async def compute():
        loop = asyncio.get_running_loop()
        while going():
            block = os.urandom(10000)
            found = await loop.run_in_executor(None, zlib.crc32, block)
            record.expect(found == zlib.crc32(block), "a wrong checksum")
            await asyncio.sleep(0.01)

    async def everything():
        await asyncio.gather(converse(), compute(), *map(timers, range(30)))

    asyncio.run(everything())


# ---- waits ----


def raw():
    """Waits of C code that expects no EINTR, and keeps its deadlines."""
    libc = ctypes.CDLL(None, use_errno=True)
    reading, writing = os.pipe()
    watching = libc.epoll_create1(0)
    with_bytes = libc.epoll_create1(0)
    event = ctypes.create_string_buffer(struct.pack("<IQ", select.EPOLLIN, 0))
    libc.epoll_ctl(with_bytes, 1, reading, event)  # EPOLL_CTL_ADD

    def epoll(room):
        return 0.02, 0, libc.epoll_wait(watching, room, 8, 20)

    def endless_epoll(room):
        found = libc.epoll_wait(with_bytes, room, 8, -1 if going() else 0)
        if found == 1:
            os.read(reading, 1)
        return None, 1, found

    def poll(room):
        return 0.015, 0, libc.poll(None, 0, 15)

    def nanosleep(room):
        return 0.01, 0, libc.nanosleep(struct.pack("<qq", 0, 10000000), None)

    def do_select(room):
        interval = ctypes.create_string_buffer(struct.pack("<qq", 0, 12000), 16)
        return 0.012, 0, libc.select(0, None, None, None, interval)

    def wait(record, call):
        room = ctypes.create_string_buffer(200)
        while going():
            begin = now()
            seconds, expected, result = call(room)
            if result != expected:
                record.findings["%s: %s" % (call.__name__, errno.errorcode.get(ctypes.get_errno(), result))] += 1
            elif seconds:
                record.waited(seconds, begin)

    def feed(room):
        time.sleep(0.007)
        os.write(writing, b"x")
        return None, 0, 0

    # the first two threads beside the main one are those that are borrowed
    in_threads(wait, (poll, epoll, endless_epoll, nanosleep, do_select, epoll, feed))


def deadlines():
    """Python's own waits with a timeout: none may be short, and how late they are is measured."""
    lock = threading.Lock()
    lock.acquire()
    condition = threading.Condition()
    nothing = queue.Queue()
    left, _right = socket.socketpair()

    def receive(seconds):
        left.settimeout(seconds)
        try:
            left.recv(1)
        except socket.timeout:
            pass

    def get(seconds):
        try:
            nothing.get(timeout=seconds)
        except queue.Empty:
            pass

    def wait_for_condition(seconds):
        with condition:
            condition.wait(seconds)

    waits = (
        time.sleep,
        lambda seconds: select.select([], [], [], seconds),
        lambda seconds: lock.acquire(timeout=seconds),
        threading.Event().wait,
        receive,
        get,
        wait_for_condition,
    )

    def keep(record, wait):
        choice = random.Random(waits.index(wait))
        while going():
            seconds = choice.uniform(0.005, 0.05)
            begin = now()
            wait(seconds)
            record.waited(seconds, begin)

    in_threads(keep, waits)


def witness():
    """Nothing but appointments: what it misses, the machine has missed."""
    record = Record()
    while going():
        begin = now()
        time.sleep(0.002)
        record.waited(0.002, begin)


# ---- processes and signals ----


def forks():
    """One child after the other: forked with work to do, run by subprocess, spawned; each must come back right."""
    record = Record()

    def in_child(writing, block):
        import colorsys  # an import in a child needs locks that threads of the parent may have held

        text = json.dumps([zlib.crc32(block), colorsys.rgb_to_hls(0, 0, 0)[0], [bytes(i) == b"" for i in range(3)]])
        os.write(writing, text.encode())
        os._exit(7)

    def wait_for(pid):
        end = now() + PATIENCE
        while now() < end:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return status
            time.sleep(0.0005)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "a child hung"

    while going():
        begin = now()
        block = os.urandom(1000)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                in_child(writing, block)
            finally:
                os._exit(1)
        os.close(writing)
        status = wait_for(pid)
        answer = os.read(reading, 1000).decode()
        os.close(reading)
        record.expect(status == 7 << 8, "a forked child: %s" % status)
        record.expect(answer == json.dumps([zlib.crc32(block), 0.0, [True, False, False]]), "a child's wrong answer")
        text = str(zlib.crc32(block))
        record.expect(subprocess.check_output(["echo", text]).decode() == text + "\n", "subprocess: a wrong answer")
        record.expect(wait_for(os.posix_spawn("/bin/true", ["true"], {})) == 0, "posix_spawn: a wrong status")
        record.counts["children"] += 3
        record.lateness(now() - begin)


def signals():
    """SIGUSR1 is answered by its handler each time, queued signals all arrive, ticks of a timer come."""
    record = Record()
    ticks, answers = 0, 0
    watching, waking = os.pipe()  # for 65536 signals: in a socket some hundred bytes sent one by one are too many
    os.set_blocking(waking, False)
    here, there = socket.socketpair()  # our words to the child that sends, and its words to us
    there.settimeout(PATIENCE)
    queued = signal.SIGRTMIN + 3
    parent = os.getpid()

    def send():
        """In a child: the sender. It counts what it has sent; a signal without an answer is lost."""
        sent = lost = 0
        while going():
            begin = now()
            os.kill(parent, signal.SIGUSR1)
            for _ in range(3):  # the kernel queues these, however many are pending (signal(7))
                os.kill(parent, queued)
                sent += 1
            try:
                if there.recv(1) != b"!":
                    break
            except socket.timeout:
                lost += 1
            record.lateness(now() - begin)
            time.sleep(0.001)
        there.sendall(json.dumps([sent, lost, record.late]).encode())

    def handle(*_):
        nonlocal answers
        answers += 1
        here.send(b"!")

    def tick(*_):
        nonlocal ticks
        ticks += 1

    arrived = 0

    def count():
        nonlocal arrived
        while True:
            arrived += os.read(watching, 4096).count(bytes([queued]))

    signal.set_wakeup_fd(waking)
    signal.signal(queued, lambda *_: None)
    signal.signal(signal.SIGALRM, tick)
    signal.signal(signal.SIGUSR1, handle)
    child = os.fork()
    if child == 0:
        try:
            send()
        finally:
            os._exit(0)
    there.close()
    threading.Thread(target=count, daemon=True).start()
    os.write(1, b"ready\n")
    begin = now()
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    while going():
        time.sleep(0.05)
    signal.setitimer(signal.ITIMER_REAL, 0)
    record.counts["ticks expected"] = int((now() - begin) / 0.005)
    here.settimeout(2 * PATIENCE)
    sent, lost, late = json.loads(here.recv(1 << 20))
    for phase, found in late.items():
        record.late[int(phase)].update({int(value): number for value, number in found.items()})
    os.waitpid(child, 0)
    end = now() + PATIENCE
    while arrived < sent and now() < end:
        time.sleep(0.01)
    record.counts.update({"ticks": ticks, "answers": answers, "queued signals": sent})
    record.expect(not lost, "%d signals without an answer" % lost)
    record.expect(arrived == sent, "%d of %d queued signals were lost" % (sent - arrived, sent))


def report():
    counts, findings, late = collections.Counter(), collections.Counter(), collections.defaultdict(collections.Counter)
    for record in records:
        counts.update(record.counts)
        findings.update(record.findings)
        for phase, found in record.late.items():
            late[phase].update(found)
    return json.dumps({"counts": counts, "findings": findings, "late": late})


if __name__ == "__main__":
    if sys.argv[1] not in ("signals", "idle"):  # those say when they are
        os.write(1, b"ready\n")
    globals()[sys.argv[1]]()
    print(report(), flush=True)
    os._exit(0)  # threads that still serve are not waited for
