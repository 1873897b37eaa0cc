"""gunicorn's settings: each worker tells of itself when it has loaded the application."""

import vitals


def post_worker_init(worker):
    """Called by gunicorn in the worker."""
    vitals.start()
