"""The thread that traces goes before others, and nobody else does."""

import os
import threading

import pytest

from attach.inject.tracer import in_tracer_thread


def nice_of_this_thread() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may go before others")
def test_the_tracer_goes_first() -> None:
    """What a stopped thread waits for has the highest priority; the operator itself keeps its own."""
    before = nice_of_this_thread()
    assert in_tracer_thread(nice_of_this_thread, lambda: None) == -20
    assert nice_of_this_thread() == before
