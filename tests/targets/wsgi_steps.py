"""The smallest WSGI application."""


def step(number):
    return number + 1


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(step(1)).encode()]
