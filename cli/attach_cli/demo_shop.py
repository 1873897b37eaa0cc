"""The sample server of ``attach demo``: a little shop that never exits and knows nothing of live-attach."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

PRICES = {"apple": 30, "pear": 45, "plum": 12}
stock = dict.fromkeys(PRICES, 20)
lock = threading.Lock()


def catalogue():
    items = []
    for name, price in sorted(PRICES.items()):
        item = {"name": name, "price": price}
        if stock[name] < 5:
            item["hint"] = "only a few left"
        items.append(item)
    return items


def order(name, count):
    if name not in PRICES:
        raise KeyError(name)
    with lock:
        if stock[name] < count:
            return {"ok": False, "left": stock[name]}
        stock[name] -= count
    return {"ok": True, "total": total(PRICES[name], count)}


def total(price, count):
    amount = price * count
    if count >= 10:
        amount = amount * 9 // 10  # a tenth off
    return amount


def restock():
    """Runs in a thread of its own from the start: a loop that a tracer started later must still see."""
    while True:
        time.sleep(0.05)
        with lock:
            for name in stock:
                if stock[name] < 3:
                    stock[name] = 20


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlparse(self.path)
        query = parse_qs(url.query)
        try:
            if url.path == "/":
                answer = catalogue()
            elif url.path == "/order":
                answer = order(query["name"][0], int(query["count"][0]))
            else:
                self.send_error(404)
                return
        except (KeyError, ValueError) as error:
            self.send_error(400, repr(error))
            return
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=restock, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdout.close()
    server.serve_forever()
