"""A test run that hangs until a file appears: run by pytest, with the folder of those files in $HANGING."""

import contextlib
import io
import logging
import os
import pdb
import sys
import threading
import time

import pytest

FOLDER = os.environ["HANGING"]


def tell(name):
    with open(os.path.join(FOLDER, name), "w"):
        pass


def wait(name):
    tell("waits-for-" + name)
    while True:
        there = os.path.exists(os.path.join(FOLDER, name))
        if there:
            return there
        time.sleep(0.01)


def talk():
    number = 0
    while not os.path.exists(os.path.join(FOLDER, "over")):
        number += 1
        print("other %d\n" % number, end="")
        tell("other-%d" % number)
        time.sleep(0.05)


@pytest.fixture
def noisy():
    print("in setup")
    yield
    print("in teardown")


@pytest.fixture(scope="module", autouse=True)
def streams():
    yield
    print("at the end: %s" % type(sys.stdout).__module__)


def test_first():
    print("not of the one that hangs")


def test_hanging(noisy):
    streams = sys.stdin, sys.stdout, sys.stderr
    print("early")
    print("early error", file=sys.stderr)
    logging.warning("careful")
    wait("go")
    print("stepped")
    os.write(1, b"descriptor\n")
    wait("end")
    assert all(one is other for one, other in zip(streams, (sys.stdin, sys.stdout, sys.stderr)))
    print("late")
    raise ValueError("so that its report is shown")


def test_fixture(capsys):
    streams = sys.stdin, sys.stdout, sys.stderr
    print("early")
    wait("go")
    print("stepped")
    wait("end")
    assert all(one is other for one, other in zip(streams, (sys.stdin, sys.stdout, sys.stderr)))
    print("late")
    assert capsys.readouterr() == ("early\nstepped\nlate\n", "")


def test_redirected():
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        print("early")
        wait("go")
        print("stepped")
        wait("end")
        print("late")
    assert text.getvalue() == "early\nstepped\nlate\n"


def test_talking():
    thread = threading.Thread(target=talk)
    thread.start()
    wait("go")
    wait("end")
    thread.join()
    raise ValueError("so that its report is shown")


def test_calling():
    wait("go")
    pdb.set_trace()
    print("between")
    wait("end")
    pdb.set_trace()
    print("never")
