"""A server with a thread for each request; its main thread and named workers do work too. Writes `port N`."""

import http.server
import os
import signal
import socketserver
import sys
import threading
import time

import shop
import vitals

rounds = {}
never = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        threading.current_thread().name = "request " + self.path
        status, text = shop.answer(self.path)  # here: handler
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())
        vitals.note()

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def work(name):
    done = rounds.get(name, 0)
    done += 1  # here: worker
    rounds[name] = done
    vitals.note()  # here: end of worker


def working(name):
    while True:
        work(name)  # here: working
        time.sleep(0.01)


def napping():
    while True:
        time.sleep(1.5)  # here: nap
        vitals.note()  # here: awake


def ticking():
    ticks = 0
    while True:  # a main thread that runs Python all the time, but for short sleeps
        ticks += 1  # here: tick
        vitals.note()
        time.sleep(0.01)


def main():
    signal.signal(signal.SIGINT, lambda *_: os.write(2, b"SIGINT came\n"))
    if "urgent" in sys.argv:
        for number in (signal.SIGURG, signal.SIGWINCH):
            signal.signal(number, lambda number, _: os.write(2, b"signal %d came\n" % number))
    server = Server(("127.0.0.1", 0), Handler)
    vitals.start()
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    for name in ("worker-1", "worker-2"):
        threading.Thread(target=working, args=(name,), name=name, daemon=True).start()
    never.acquire()
    threading.Thread(target=never.acquire, name="stuck", daemon=True).start()
    threading.Thread(target=napping, name="napper", daemon=True).start()
    print("port", server.server_port, flush=True)
    if "sleeping" in sys.argv:
        time.sleep(1000)  # here: asleep
    ticking()


if __name__ == "__main__":
    main()
