"""Probes in the code itself (``--core probes``), Python 3.8 - 3.11."""

from collections.abc import Callable

import pytest

from tests.agent.coverage import test_collectors as shared
from tests.support.interpreters import Interpreter, before_version

SHARED = [
    shared.test_old_and_new_frames,
    shared.test_equal_to_coverage,
    shared.test_stop_and_start,
    shared.test_stop_leaves_nothing,
    shared.test_no_line_is_lost_by_snapshots,
    shared.test_threads_come_and_go,
    shared.test_exceptions_of_signal_handlers,
    shared.test_forks,
    shared.test_line_numbers_of_old_frames,
    shared.test_threads_without_hook,
    shared.test_other_tracers,
    shared.test_library_is_loaded_once,
]


@before_version("3.12")
@pytest.mark.parametrize("promise", SHARED, ids=lambda promise: promise.__name__[5:])
def test_as_every_collector(
    promise: Callable[[Interpreter], None], interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is promised of the other collectors is kept by probes."""
    monkeypatch.setenv("CORE", "probes")
    promise(interpreter)
