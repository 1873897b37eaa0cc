"""The shop as a WSGI application, for gunicorn (`wsgi_app:app`) and gevent."""

import shop
import vitals


def app(environ, start_response):
    status, text = shop.answer(environ["PATH_INFO"])  # here: handler
    start_response("%d X" % status, [("Content-Type", "text/plain")])
    vitals.note()
    return [text.encode()]
