"""The shop's tasks for celery; the broker and the results are folders below $SHOP_FOLDER.

Run as a program it is a client with a port, `port N`.
"""

import http.server
import os
import time
import uuid

import shop
import vitals
from celery import Celery
from celery.signals import worker_process_init, worker_ready
from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    def _put(self, queue, payload, **_):
        """Seen only when it is whole: a worker dies of a message of kombu's own that is being written."""
        name = os.path.join(self.data_folder_out, "%d_%s" % (time.monotonic() * 1000, uuid.uuid4()))
        with open(name, "w") as file:
            file.write(dumps(payload))
        os.rename(name, "%s.%s.msg" % (name, queue))


filesystem.Transport.Channel = Channel

folder = os.environ["SHOP_FOLDER"]
queue = os.path.join(folder, "queue")
app = Celery("celery_app", broker="filesystem://", backend="file://" + os.path.join(folder, "results"))
app.conf.broker_transport_options = {
    "data_folder_in": queue,
    "data_folder_out": queue,
    "control_folder": os.path.join(folder, "control"),
    "polling_interval": 0.05,
}
app.conf.broker_connection_retry_on_startup = True
app.conf.worker_hijack_root_logger = False


@app.task
def answer(path):
    status, text = shop.answer(path)  # here: handler
    vitals.note()
    return [status, text]


@worker_ready.connect
def started(**_):
    """In the worker itself, which is the pool for `solo` and `threads`."""
    if os.environ["SHOP_POOL"] != "prefork":
        vitals.start()


@worker_process_init.connect
def forked(**_):
    """In a child of a prefork pool."""
    vitals.start()


class Client(http.server.BaseHTTPRequestHandler):
    """Asks the worker what it is asked itself."""

    def do_GET(self):
        status, text = answer.delay(self.path).get(timeout=60, interval=0.02)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Client)
    print("port", server.server_port, flush=True)
    server.serve_forever()
