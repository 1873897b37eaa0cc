"""Both collectors, each on its versions of Python: what is reported is what ran, and nothing stays behind."""

import shutil
from pathlib import Path

from attach.report import arcs
from attach_agent.wire import arc_ends, unpack_arcs
from tests.agent.coverage.support import MONITORED, PROGRAMS, TRACED, coverage_for, each, package, run
from tests.support.interpreters import Interpreter, before_version, from_version, on_interpreters
from tests.support.marks import lines_marked


def assert_marked(found: list[int], program: str, way: str) -> None:
    """All lines that must be reported are, and no others. Arcs also lead from lines that were begun at the attach."""
    path = PROGRAMS / program
    ran = lines_marked(path, "ran")
    assert ran <= set(found), f"missing: {sorted(ran - set(found))}"
    allowed = ran | lines_marked(path, "perhaps", *(["live"] if way not in ("lines", "probes") else []))
    assert set(found) <= allowed, f"did not run: {sorted(set(found) - allowed)}"


def settled(name: str, packed: str) -> list[list[int]]:
    """The arcs in what a program reports of a file."""
    path = PROGRAMS / name
    text = path.read_text() if path.exists() else ""
    found = arcs.settled(packed.encode(), lambda: arcs.first_lines_of(text))
    return sorted(list(arc_ends(number)) for number in unpack_arcs(found))


def line_with(program: str, text: str) -> int:
    lines = (PROGRAMS / program).read_text().splitlines()
    (number,) = (number for number, line in enumerate(lines, 1) if text in line)
    return number


@each()
def test_old_and_new_frames(interpreter: Interpreter, way: str) -> None:
    """Threads, generators and coroutines that began before are measured from the attach on, as is all that is new."""
    found = run(interpreter, "everything.py", way=way)
    assert_marked(found["main"], "everything.py", way)
    assert_marked(found["late"], "late_module.py", way)
    # (not `suspended`: the tracer takes a generator that an exception is thrown into for a new one, on 3.11)
    functions = ("spin", "blocked", "deeper", "recursive", "waiting", "ticking", "main_task", "main")
    old = {line_with("everything.py", f"def {name}(") for name in functions}
    assert [arc for arc in found["entered"] if -arc[0] in old] == []
    late = line_with("everything.py", "def late_thread(")
    assert found["entered"] == [] or [-late, late + 1] in found["entered"] or (interpreter.minor, way) in MONITORED


@each()
def test_equal_to_coverage(interpreter: Interpreter, way: str) -> None:
    """Of a program that starts after the attach, exactly those lines and arcs are told that coverage.py tells."""
    theirs = run(interpreter, "equal.py", "coverage", way=way, path=coverage_for(interpreter))
    ours = run(interpreter, "equal.py", way=way)
    assert (
        ours if way in ("lines", "probes") else {name: settled(name, packed) for name, packed in ours.items()}
    ) == theirs


@each()
def test_stop_and_start(interpreter: Interpreter, way: str) -> None:
    """Data adds up over stops, is not mixed between options, and after a discard the same lines are seen again."""
    found = run(interpreter, "restart.py", way=way)
    condition = line_with("restart.py", "if value:")
    truth, falsehood = condition + 1, condition + 2
    assert found["outside"] == []
    assert set(found["inside"]) >= {condition, truth} and falsehood not in found["inside"]
    assert found["running"][0] == "coverage-running"
    assert found["differ"][0] == "coverage-options-differ"
    assert set(found["added"]) >= {condition, truth, falsehood}
    assert set(found["kept"]) >= set(found["added"])
    assert found["discarded"] == []
    assert set(found["again"]) >= {condition, truth} and falsehood not in found["again"]


@each()
def test_stop_leaves_nothing(interpreter: Interpreter, way: str) -> None:
    """After a stop threads, frames, hooks, tools, descriptors and modules are as they were before the start."""
    found = run(interpreter, "leaves_nothing.py", way=way)
    assert found["during"] != found["before"]
    assert found["before"]["slow"] == [] and found["before"]["f_trace"] == found["before"]["trace"] == ["None"]
    for after in found["after"]:
        assert after == found["before"]


@each()
def test_no_line_is_lost_between_snapshots(interpreter: Interpreter, way: str) -> None:
    """Of 100,000 lines that run once, while 1,000 snapshots each forget what they show, every one is in a snapshot."""
    found = run(interpreter, "once_only.py", way=way)
    assert found["missing"] == []
    assert found["snapshots"] > 900 and found["largest"] < 10_000


@on_interpreters("3.8", "3.12", "3.13", "3.14", "3.15")
def test_lines_run_again_after_a_snapshot(interpreter: Interpreter) -> None:
    """What a snapshot has forgotten is in the next one when it has run again, whatever threads were doing meanwhile."""
    found = run(interpreter, "again.py", "snapshots=1000" if interpreter.version >= (3, 12) else "snapshots=50")
    assert found["count"] == 0, found["lost"]
    assert found["within"] > found["snapshots"]


@from_version("3.12")
def test_snapshot_while_a_callback_is_under_way(interpreter: Interpreter) -> None:
    """A callback that recorded a line before it was taken away, and switches it off after that, loses nothing."""
    found = run(interpreter, "inside_callback.py")
    assert found["line"] in found["first"] and found["line"] in found["second"]


@each()
def test_threads_come_and_go(interpreter: Interpreter, way: str) -> None:
    """Starting and stopping while threads begin and end crashes nothing, measures each time and leaves nothing."""
    found = run(interpreter, "churn.py", way=way)
    assert found["cycles"] > 1
    assert (found["traced"], found["tools"], found["hook"]) == (0, [], None)


@each()
def test_exceptions_of_signal_handlers(interpreter: Interpreter, way: str) -> None:
    """What a signal handler raises while we record comes out in the program, and lines stay with their file."""
    found = run(interpreter, "signals.py", way=way)
    assert found["lost"] == 0
    assert found["unraisable"] == []
    assert found["wrong"] == []
    assert found["complete"] > 100


@each()
def test_forks(interpreter: Interpreter, way: str) -> None:
    """Children that are forked while we measure work and end as ever; before 3.12 they are not traced."""
    found = run(interpreter, "forks.py", way=way)
    assert [status >> 8 for status in found["statuses"]] == [7] * 10
    assert found["found"]


@each()
def test_line_numbers_of_old_frames(interpreter: Interpreter, way: str) -> None:
    """While and after a frame is measured that was running before, its line number is right."""
    found = run(interpreter, "line_numbers.py", way=way)
    inner, outer = line_with("line_numbers.py", "# here"), line_with("line_numbers.py", "# outer waits here")
    assert found["old"] == [[inner, outer]] * 4
    assert found["new"] == found["new"][:1] * 4
    assert found["generator"] == [line_with("line_numbers.py", "# suspended")] * 4


@each()
def test_threads_without_hook(interpreter: Interpreter, way: str) -> None:
    """A thread that `_thread` starts after the attach is measured, if only after a moment."""
    assert run(interpreter, "raw_threads.py", way=way)["found"]


@each(TRACED)
def test_other_tracers(interpreter: Interpreter, way: str) -> None:
    """While a debugger or a hook of `threading` traces, we refuse; one that comes later traces on beside us."""
    found = run(interpreter, "other_tracers.py", way=way)
    assert found["active"][0] == found["hook"][0] == "tracer-busy"
    assert "other_tracers.py" in found["active"][1]
    assert found["kept"] and found["measured"]
    assert found["goes_on"] == [True] * 3 and found["own"] and found["left"]


@each([way for way in TRACED if way[0] not in ("3.10", "3.11")])
def test_audit_hooks(interpreter: Interpreter, way: str) -> None:
    """An audit hook is asked, its refusal is passed on in its words, and that it is slow Python code does no harm."""
    found = run(interpreter, "audited.py", way=way)
    assert found["refused"][0] == "tracing-refused" and "no tracing here" in found["refused"][1]
    assert found["measured"] == 10 and found["asked"]


@on_interpreters("3.10", "3.11")
def test_audit_hooks_that_endanger_threads(interpreter: Interpreter) -> None:
    """Where a slow audit hook would make `threading` fail to start threads, we refuse."""
    found = run(interpreter, "audited.py", "refuses")
    assert found["refused"][0] == "tracing-refused" and "no tracing here" in found["refused"][1]
    assert found["after"][0] == "audit-hook"


@each(MONITORED)
def test_other_tools(interpreter: Interpreter, way: str) -> None:
    """Other tools of sys.monitoring keep their ids and events; when all are taken, the refusal names the holders."""
    found = run(interpreter, "other_tools.py", way=way)
    assert found["full"][0] == "monitoring-busy"
    assert "0 tool 0, 1 tool 1" in found["full"][1]
    assert found["names"] == ["tool 0", None, "tool 2", "live-attach", "tool 4", "tool 5"]
    assert found["after"] == ["tool 0", None, "tool 2", None, "tool 4", "tool 5"]
    assert found["seen"] == ["start"] * 2 and found["events"]


@each(TRACED)
def test_library_is_loaded_once(interpreter: Interpreter, way: str) -> None:
    """A second attach uses the library of the first; neither mappings nor descriptors grow."""
    found = run(interpreter, "second_attach.py", way=way)
    assert found["lines"] == [True] * 4
    assert len({tuple(count) for count in found["counts"]}) == 1 and found["counts"][0][0] > 0
    assert found["left"] == []


@from_version("3.12")
def test_greenlets_after_a_snapshot(interpreter: Interpreter) -> None:
    """Lines that a suspended greenlet runs again, in the middle of a function, are in the next snapshot again."""
    found = run(interpreter, "greenlets_again.py", path=package(interpreter, "greenlet>=3.1,<4"))
    again = lines_marked(PROGRAMS / "greenlets_again.py", "ran")
    assert again <= set(found["before"]) and again <= set(found["after"])


@each(MONITORED)
def test_code_made_at_run_time_is_freed(interpreter: Interpreter, way: str) -> None:
    """A program that makes code objects without end does not keep them because of us."""
    found = run(interpreter, "made_code.py", way=way)
    assert found["watched"] < 12_000
    assert found["alive"] < 10


@before_version("3.12")
def test_installed_tracer(interpreter: Interpreter, tmp_path: Path) -> None:
    """The tracer of a coverage.py that is installed for the process is used, unless others could have written it."""
    (folder,) = coverage_for(interpreter).glob("coverage/tracer.*.so")
    own = tmp_path / "coverage" / folder.name
    own.parent.mkdir()
    shutil.copy(folder, own)
    own.chmod(0o644)
    assert run(interpreter, "installed_tracer.py", path=tmp_path, tracer=False)["slug"] == "tracer-needed"
    (tmp_path / "coverage-7.3.0.dist-info").mkdir()
    assert run(interpreter, "installed_tracer.py", path=tmp_path, tracer=False)["slug"] == "tracer-needed"
    (tmp_path / "coverage-7.3.0.dist-info").rename(tmp_path / "coverage-7.4.0.dist-info")
    found = run(interpreter, "installed_tracer.py", path=tmp_path, tracer=False)
    assert found == {"slug": None, "measured": True, "imported": False}
    own.chmod(0o666)
    assert run(interpreter, "installed_tracer.py", path=tmp_path, tracer=False)["slug"] == "tracer-needed"


@from_version("3.9")
def test_limit_of_recursion(interpreter: Interpreter) -> None:
    """After a RecursionError lines stay with their file; coverage.py's tracer alone loses its way before 3.11."""
    found = run(interpreter, "recursion.py")
    assert found["deep"] == [2, 3]
    assert set(found["surface"]) - {102} == {103, 104, 105, 106}


@before_version("3.12")
def test_no_ctypes(interpreter: Interpreter) -> None:
    """A Python without `_ctypes` is refused, and the reason has a name."""
    found = run(interpreter, "no_ctypes.py")
    assert found["refused"][0] == "no-ctypes" and "_ctypes" in found["refused"][1]
