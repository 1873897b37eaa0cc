"""Runs pytest on installed packages once the file $GO exists:  python suite_driver.py ARGUMENTS-OF-PYTEST."""

import logging
import os
import sys
import time


def main():
    go = os.environ["GO"]
    print("ready", flush=True)
    while not os.path.exists(go):
        time.sleep(0.005)
    import random

    import pytest

    random.seed(0)  # else the lines that run are other ones each time
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)  # as tornado's own runner of its tests
    # not written beside the installed packages: neither compiled modules nor pytest's cache
    pytest.main(["-q", "-W", "ignore", "-p", "no:cacheprovider", "--pyargs", *sys.argv[1:]])
    print("done", flush=True)
    while os.path.exists(go):
        time.sleep(0.005)


if __name__ == "__main__":
    main()
