"""A WSGI server patched by gevent: requests, and what they spawn, are greenlets of one thread. Writes `port N`."""

from gevent import monkey  # before

monkey.patch_all()  # before

import threading  # noqa: E402  # before
import time  # noqa: E402  # before

import gevent  # noqa: E402  # before
import gevent_steps  # noqa: E402  # before
from gevent.pywsgi import WSGIServer  # noqa: E402  # before

work = threading.Lock()  # before


def job(count):  # before
    done = 0  # ran
    for number in range(count):  # ran
        time.sleep(0.001)  # ran
        done += gevent_steps.step(number)  # ran
    return done  # ran


def app(environ, start_response):  # before
    path = environ["PATH_INFO"]  # ran
    if path == "/end":  # ran
        gevent.spawn_later(0.1, server.stop)  # not
    jobs = [gevent.spawn(job, 5) for _ in range(4)]  # ran
    gevent.joinall(jobs)  # ran
    start_response("200 OK", [("Content-Type", "text/plain")])  # ran
    return [str(sum(one.value for one in jobs)).encode()]  # ran


def background():  # before
    while True:  # perhaps
        time.sleep(0.002)  # ran
        with work:  # ran
            gevent_steps.tick()  # ran


threading.Thread(target=background, daemon=True).start()  # before
server = WSGIServer(("127.0.0.1", 0), app, log=None)  # before
server.start()  # before
print("port", server.server_port, flush=True)  # before
server._stop_event.wait()  # not
