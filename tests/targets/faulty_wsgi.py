"""A WSGI application that answers with the number of the process that answers: `faulty_wsgi:app`."""

import os


def app(environ, start_response):
    body = b"%d" % os.getpid()  # here: answer
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
