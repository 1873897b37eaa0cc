"""A program to be debugged while something goes wrong; it says what it sees.

Threads: `worker` comes to the line marked `here: work` all the time, `heart` beats, and one answers requests: a line
with the name of a function below and its arguments in JSON, on a connection of its own, one line of JSON for an answer.
With the argument `exits` a SIGTERM raises SystemExit in the main thread, where it is caught and told.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import interior

PAUSE = 0.002
works = 0
ticks = 0
beats = [0, 0.0]  # how many, and the longest gap
raised = []  # what came out of lines where nothing can come out of
wants_end = threading.Event()


def work():
    global works
    value = works + 1
    works = value  # here: work
    return value


def working():
    while not wants_end.is_set():
        try:
            work()
            time.sleep(PAUSE)
        except BaseException as error:
            raised.append("worker: %r" % (error,))


def tick():
    global ticks
    ticks += 1  # here: tick
    if ticks < 0:
        ticks = 0  # here: never


def ticking():
    while not wants_end.is_set():
        try:
            tick()
            time.sleep(PAUSE)
        except SystemExit as error:
            if sys.argv[1:] == ["exits"]:
                print("leaves with %s" % (error.code,), flush=True)
                os._exit(9)
            raised.append("main: %r" % (error,))
        except BaseException as error:
            raised.append("main: %r" % (error,))


def beating():
    last = time.perf_counter()
    while True:
        time.sleep(0.005)
        now = time.perf_counter()
        beats[0] += 1
        beats[1] = max(beats[1], now - last)
        last = now


# ---- what is asked of it ----


def counts():
    return {"works": works, "ticks": ticks, "beats": beats[0], "raised": raised}


def looks():
    """What an attach could have left behind; but modules stay, with their hooks, and each answer is a thread."""
    seen = interior.look()
    for name in ("atexit", "main", "modules", "set_trace", "thread_states", "threads"):
        del seen[name]
    return seen


def traced():
    """What this thread, and the process, would not have without a debugger."""
    seen = interior.look()
    kept = ("tracing", "frames_traced", "monitoring", "streams", "hooks", "set_trace", "threading_hooks")
    return {name: seen[name] for name in kept}


def child_of(run):
    """What a child sees at once, and after it has worked, which is where the breakpoint is."""
    reading, writing = os.pipe()
    pid = run(writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    return pid, json.loads(answer)


def seen_in_child(writing):
    first = traced()
    print("from the child", flush=True)
    before = works
    for _ in range(3):
        work()
    tick()
    with os.fdopen(writing, "w") as pipe:
        json.dump({"first": first, "then": traced(), "works": works - before}, pipe)


def forks():
    def run(writing):
        pid = os.fork()  # here: fork
        if not pid:
            try:
                seen_in_child(writing)
            finally:
                os._exit(0)
        return pid

    pid, seen = child_of(run)
    os.waitpid(pid, 0)
    return seen


def multiprocesses():
    import multiprocessing

    process = []

    def run(writing):
        started = multiprocessing.get_context("fork").Process(target=seen_in_child, args=(writing,))
        process.append(started)
        started.start()
        return started.pid

    _, seen = child_of(run)
    process[0].join()
    return seen


def spawns():
    return subprocess.check_output([sys.executable, "-c", "print(42)"], preexec_fn=tick).decode()


def replaces():
    """exec: the process has another program from here on."""
    os.execv(sys.executable, [sys.executable, "-c", "import time; print('replaced', flush=True); time.sleep(60)"])


def ends_agent():
    """What the agent itself does when nobody needs it any more."""
    sys._live_attach["close"]()


def debugger_methods():
    import faulty_pdb

    return faulty_pdb.methods()


def ends(status):
    os._exit(status)


def terminates():
    os.kill(os.getpid(), signal.SIGTERM)


def finishes():
    """The main thread and the worker come to their end, and then the program."""
    wants_end.set()


def answering(server):
    while True:
        connection, _ = server.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection):
    with connection, connection.makefile("rw") as stream:
        name, arguments = json.loads(stream.readline())
        json.dump(globals()[name](*arguments), stream)


def leave(_number, _frame):
    raise SystemExit(5)


def main():
    if sys.argv[1:] == ["exits"]:
        signal.signal(signal.SIGTERM, leave)
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=answering, args=(server,), daemon=True).start()
    threading.Thread(target=beating, name="heart", daemon=True).start()
    threading.Thread(target=working, name="worker").start()
    print("port", server.getsockname()[1], flush=True)
    ticking()


if __name__ == "__main__":
    main()
