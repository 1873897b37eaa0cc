"""A test run that hangs, for pytest: it has printed and logged before, and goes on when a file appears."""

import logging
import os
import sys
import time

import pytest
import vitals

logger = logging.getLogger("shop")


@pytest.fixture
def prepared():
    print("said in the set-up")
    yield 1
    print("said in the tear-down")


def waits(number):
    vitals.note()
    time.sleep(0.01)
    return number + 1  # here: waits


def test_hangs(prepared):
    print("said before it hangs")
    print("warned before it hangs", file=sys.stderr)
    logger.warning("logged before it hangs")
    turns = 0
    open(os.environ["HANGS"], "w").close()
    while not os.path.exists(os.environ["GO_ON"]):
        turns = waits(turns)  # here: hangs
    print("said after it hung")
    assert turns > 0


def test_fails():
    print("said by the one that fails")
    raise ValueError("it failed")
