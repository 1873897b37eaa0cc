"""A WSGI server patched by gevent: requests are greenlets of one thread. Writes `port N`."""

import vitals  # isort: skip
from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402
import wsgi_app  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402


def ticking():
    ticks = 0
    while True:
        ticks += 1  # here: tick
        gevent.sleep(0.01)


vitals.start()
gevent.spawn(ticking)
server = WSGIServer(("127.0.0.1", 0), wsgi_app.app, log=None)
server.start()
print("port", server.server_port, flush=True)
server._stop_event.wait()
