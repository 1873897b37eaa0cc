"""Threads of every kind, each with code of its own."""

import concurrent.futures
import contextvars
import multiprocessing.pool
import queue
import socketserver
import threading
import sys


def worker(results, n):
    if n:
        results.append(n)
    else:
        results.append(None)


class Subclass(threading.Thread):
    def __init__(self):
        super().__init__(name="subclass")
        self.result = None

    def run(self):
        self.result = recursion(5)


def recursion(n):
    if n == 0:
        return 0
    return 1 + recursion(n - 1)


def plain():
    results = []
    threads = [threading.Thread(target=worker, args=(results, n), daemon=bool(n)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    subclass = Subclass()
    subclass.start()
    subclass.join()
    return results


def pooled(n):
    total = 0
    for i in range(n):
        total += i
    return total


def pools():
    with concurrent.futures.ThreadPoolExecutor(2, initializer=initialise) as pool:
        list(pool.map(pooled, range(4)))
        future = pool.submit(failing)
        future.add_done_callback(finished)
        try:
            future.result()
        except ValueError:
            pass
    with multiprocessing.pool.ThreadPool(2) as pool:
        pool.map(in_pool, range(3))
        pool.apply_async(in_pool, (5,)).get()


def initialise():
    return None


def in_pool(n):
    if n > 1:
        return n
    return 0


def failing():
    raise ValueError


def finished(future):
    return future.done()


def timers():
    done = threading.Event()
    timer = threading.Timer(0.001, timed, (done,))
    timer.start()
    done.wait()
    timer.join()
    cancelled = threading.Timer(3600, never)
    cancelled.start()
    cancelled.cancel()
    cancelled.join()


def timed(done):
    done.set()


def never():
    return None


def queues():
    jobs, results = queue.Queue(), queue.Queue()
    thread = threading.Thread(target=serve, args=(jobs, results))
    thread.start()
    for n in range(3):
        jobs.put(n)
    jobs.put(None)
    thread.join()


def serve(jobs, results):
    while True:
        job = jobs.get()
        if job is None:
            break
        try:
            results.put(1 / job)
        except ZeroDivisionError:
            results.put(None)


def conditions():
    condition, ready = threading.Condition(), []

    def waiter():
        with condition:
            condition.wait_for(lambda: ready)
            ready.append(2)

    thread = threading.Thread(target=waiter)
    thread.start()
    with condition:
        ready.append(1)
        condition.notify_all()
    thread.join()
    barrier = threading.Barrier(2, action=at_barrier)
    thread = threading.Thread(target=barrier.wait)
    thread.start()
    barrier.wait()
    thread.join()


def at_barrier():
    return 1


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline()
        if line:
            self.wfile.write(line.upper())


def server():
    import socket

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = False
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        with socket.create_connection(listening.server_address) as connection:
            connection.sendall(b"text\n")
            assert connection.recv(10) == b"TEXT\n"
        listening.shutdown()
        thread.join()


def generator_across_threads():
    def numbers():
        yield 1
        yield threading.current_thread().name
        yield 3

    generator = numbers()
    next(generator)
    results = []
    thread = threading.Thread(target=lambda: results.append(next(generator)))
    thread.start()
    thread.join()
    return list(generator)


def locals_and_contexts():
    local = threading.local()
    variable = contextvars.ContextVar("variable", default=1)

    class Local(threading.local):
        def __init__(self):
            self.value = 1

    own = Local()

    def inside():
        local.value = 2
        own.value += 1
        return variable.get()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(inside,))
    thread.start()
    thread.join()


def errors():
    seen = []

    def hook(args):
        seen.append(args.exc_type)

    before, threading.excepthook = threading.excepthook, hook
    try:
        thread = threading.Thread(target=failing)
        thread.start()
        thread.join()
    finally:
        threading.excepthook = before

    def exits():
        sys.exit(0)

    thread = threading.Thread(target=exits)
    thread.start()
    thread.join()
    return seen


def nested():
    def outer():
        thread = threading.Thread(target=inner)
        thread.start()
        thread.join()

    def inner():
        return recursion(2)

    thread = threading.Thread(target=outer)
    thread.start()
    thread.join()


def many():
    def short(n):
        return n + 1

    for n in range(30):
        thread = threading.Thread(target=short, args=(n,))
        thread.start()
        thread.join()


def main():
    plain()
    pools()
    timers()
    queues()
    conditions()
    server()
    generator_across_threads()
    locals_and_contexts()
    errors()
    nested()
    many()
