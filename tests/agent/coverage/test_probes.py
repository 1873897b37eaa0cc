"""Probes in the code itself (``--core probes``), Python 3.8 - 3.11."""

from collections.abc import Callable

import pytest

from tests.agent.coverage import test_collectors as shared
from tests.agent.coverage.support import PROBED, each, run
from tests.support.interpreters import Interpreter

#: All but what depends on ``exec``, whose code has no probes: the imports below are in its place.
SHARED = [
    shared.test_old_and_new_frames,
    shared.test_equal_to_coverage,
    shared.test_stop_and_start,
    shared.test_stop_leaves_nothing,
    shared.test_no_line_is_lost_between_snapshots,
    shared.test_threads_come_and_go,
    shared.test_forks,
    shared.test_line_numbers_of_old_frames,
    shared.test_threads_without_hook,
    shared.test_other_tracers,
    shared.test_library_is_loaded_once,
]


@each(PROBED)
@pytest.mark.parametrize("promise", SHARED, ids=lambda promise: promise.__name__[5:])
def test_as_every_collector(promise: Callable[[Interpreter, str], None], interpreter: Interpreter, way: str) -> None:
    """What is promised of the other collectors is kept by probes."""
    promise(interpreter, way)


@each(PROBED)
def test_standard_library(interpreter: Interpreter, way: str) -> None:
    """Thousands of code objects are rewritten into equal ones; run, they do the same, and tell a tracer's lines."""
    found = run(interpreter, "probes_library.py", way=way)
    plain = run(interpreter, "probes_library.py", "plain", way=way)
    assert all(found["opcodes"])
    assert found["count"] > 3000
    assert found["values"] == plain["values"]
    assert found["lines"] == plain["lines"]


@each(PROBED)
def test_every_code_object_is_put_back(interpreter: Interpreter, way: str) -> None:
    """Functions get their very code objects back, also those made meanwhile; what others have set is left alone."""
    found = run(interpreter, "probes_leave_nothing.py", way=way)
    assert found["core"] == "probes" and {"plain", "Thing.attribute", "old_frame.<locals>.inner"} <= set(
        found["changed"]
    )
    assert found["different"] == found["left"] == found["hashes"] == []
    assert found["replaced"] and found["closure"] and found["old_frame"] and found["hook"]


@each(PROBED)
def test_what_code_with_probes_looks_like(interpreter: Interpreter, way: str) -> None:
    """Its names stay, it can be hashed and pickled by value; marshal refuses it; it does not burden the collector."""
    found = run(interpreter, "probes_leave_nothing.py", way=way)
    assert found["kept"] and found["hashable"]
    assert found["pickled"] == "dict" and not found["marshalled"]
    assert found["objects"] == 0
    assert found["inner"]


@each(PROBED)
def test_traced_threads(interpreter: Interpreter, way: str) -> None:
    """Only what runs or is suspended at the attach is traced, and only until it ends."""
    found = run(interpreter, "probes_threads.py", way=way)
    assert found["traced"] == {"waiting": True, "ended": False, "main": False, "beside": False}
    assert found["rest"] == [2]
    assert found["found"] == {"measured.py": [9, 10, 11, 12]}


@each(PROBED)
def test_lines_taken_away(interpreter: Interpreter, way: str) -> None:
    """Each line is in one picture, never in none, however often lines are taken away; what runs again comes again."""
    found = run(interpreter, "probes_rearmed.py", way=way)
    assert found["missing"] == found["last"] == []
    assert found["pictures"] > 20
    assert found["turns"][1:] == [True, True]
    assert found["between"] == [3]


@each(PROBED)
def test_imports(interpreter: Interpreter, way: str) -> None:
    """Modules imported later are measured from their first line on, tracebacks and signal handlers undisturbed."""
    found = run(interpreter, "probes_imports.py", way=way)
    assert found["lost"] == found["refused"] == 0 and found["raised"] > 50
    assert found["wrong"] == [] and found["complete"] == 300
    assert found["same"]


@each([("3.8", "probes"), ("3.11", "probes")])
def test_c_tracer_instead(interpreter: Interpreter, way: str) -> None:
    """Where probes cannot be used the C tracer measures, and the status says why; branches are refused."""
    found = run(interpreter, "probes_instead.py", way=way)
    assert found["frozen"] == ["ctracer", "objects are hidden from the garbage collector (gc.freeze)", True]
    assert found["reader"] == ["ctracer", "numba reads bytecode", True]
    assert found["plain"] == ["probes", None, True]
    assert found["branches"][0] == "core-unavailable"
