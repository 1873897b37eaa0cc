"""gunicorn's settings: only a line in its log when a worker has loaded the application."""


def post_worker_init(worker):
    """Called by gunicorn in each worker, after the application is loaded."""
    worker.log.info("Worker is ready: %s", worker.pid)
