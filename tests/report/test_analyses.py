"""Who analyzes the sources of a report, and what is believed of it."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from attach.errors import OutputNotWritable
from attach.report import Options, Wanted, pages, write
from attach.report.analysis import analyses, spool, workers
from attach.report.analysis.answer import Unbelievable, checked, checked_tokens
from attach_agent.wire import arc, pack_arcs
from tests.report.conftest import RAN, coverage, measurement, recorded, require_modules
from tests.report.test_formats import html
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import running

PLAIN: dict[str, Any] = {"statements": [1, 2], "excluded": [], "multiline": []}
#: A worker of no Python at all: it greets as 3.8 and answers what the file `answer` holds.
LIAR = """#!{python}
import json, struct, sys, time
read, write = sys.stdin.buffer.read, sys.stdout.buffer
def message():
    header = read(4)
    return read(struct.unpack(">I", header)[0]) if header else sys.exit()
def send(data):
    write.write(struct.pack(">I", len(data)) + data); write.flush()
read(int(sys.stdin.buffer.readline()))
message()
send(b'["CPython", 3, 8, 18]')
while True:
    message()
    {action}
"""


@pytest.fixture
def liar(project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a false python3.8 on PATH, that does `action` when it is asked."""
    require_modules((3, 8))

    def put(action: str) -> None:
        folder = project / "liars"
        folder.mkdir(exist_ok=True)
        (folder / "python3.8").write_text(LIAR.format(python=sys.executable, action=action))
        (folder / "python3.8").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return put


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[1]",
        b"{}",
        b"[" * 100_000,
        PLAIN | {"statements": [0]},
        PLAIN | {"statements": [4]},
        PLAIN | {"statements": [True]},
        PLAIN | {"statements": ["1"]},
        PLAIN | {"statements": {"1": 1}},
        PLAIN | {"statements": [[1]]},
        PLAIN | {"multiline": [[1, 9, 1]]},
        PLAIN | {"multiline": [[1, 2, 1], [1, 2, 1]]},
        PLAIN | {"multiline": [[1, 2, 7]]},
        PLAIN | {"arcs": [[1, 1]]},
        PLAIN | {"arcs": [[-1, 1]]},
        PLAIN | {"arcs": [[1, 1.5]]},
        PLAIN | {"exits": [[1, -1]]},
        PLAIN | {"exits": [[1, 10**30]]},
        PLAIN | {"executed": [[1]]},
        PLAIN | {"executed": [["1", 2]]},
        PLAIN | {"described": [[1, 2, "a", "<script>", "a"]]},
        PLAIN | {"described": [[1, 2, "a", "x" * 301, "a"]]},
        PLAIN | {"regions": [["function", "f\nDA:1,1", 1, []]]},
        PLAIN | {"regions": [["<b>", "f", 1, []]]},
        PLAIN | {"regions": [["function", "f", 1, [[1, 3]]]] * 3},
        PLAIN | {"regions": [["function", "f", 1, [[1, 10**12]]]]},
    ],
)
def test_unbelievable_answers(raw: Any) -> None:
    """What no analysis of the source can say is not taken for one."""
    with pytest.raises(Unbelievable):
        checked(raw if isinstance(raw, bytes) else json.dumps(raw).encode(), 3)


def test_answers_within_bounds() -> None:
    """An answer with everything is what it says; a step within a line is no branch."""
    answer = checked(
        json.dumps(
            PLAIN
            | {
                "excluded": [3],
                "multiline": [[2, 3, 2]],
                "arcs": [[1, 2], [1, -1]],
                "exits": [[1, 2]],
                "executed": [[-1, 1], [1, 1], [1, 2]],
                "described": [[1, -1, "exit the module", "line 1 didn't exit 'über'", ""]],
                "regions": [["class", "A.b", 1, [[2, 3]]]],
            }
        ).encode(),
        3,
    )
    assert (answer.multiline, answer.arcs, answer.exits) == ({2: 2, 3: 2}, {(1, 2), (1, -1)}, {1: 2})
    assert answer.executed == {(-1, 1), (1, 2)}
    assert answer.regions[0].lines == {2, 3}


def test_tokens_are_the_source() -> None:
    """Tokens that do not make up their line, or would be markup, are replaced by the line."""
    text = "a = 1\n\tb\n\n"
    good = [[["nam", "a"], ["ws", " "], ["op", "="], ["ws", " "], ["num", "1"]], [["ws", " " * 8], ["nam", "b"]], []]
    assert checked_tokens(json.dumps(good).encode(), text) == [[tuple(token) for token in line] for line in good]
    plain = [[("xx", "a = 1")], [("xx", " " * 8 + "b")], []]
    for bad in (b"", b"[]", b"{}", b"[[[]]]", b'[[["nam", "b = 1"]]]', b'[[["\\"><b", "a = 1"]]]', b"[[],[],[],[]]"):
        assert checked_tokens(bad, text) == plain


@pytest.mark.parametrize(
    "action",
    [
        """send(b'{"statements": [10000], "excluded": [], "multiline": []}')""",
        """send(b'{"error": ')""",
        """write.write(b"\\xff\\xff\\xff\\xff"); write.flush(); time.sleep(60)""",
        """sys.exit()""",
    ],
    ids=["false", "broken", "huge", "dies"],
)
def test_a_worker_that_makes_no_sense(project: Path, liar: Any, action: str) -> None:
    """When the interpreter found cannot be believed, ours analyzes and the report says so; or its files are named."""
    liar(action)
    out = io.StringIO()
    try:
        result = write(measurement(recorded(project), python=(3, 8, 18)), [Wanted("text")], out=out)
    except Exception as error:
        assert "its analysis failed" in str(error.hint)  # type: ignore[attr-defined]
        return
    assert len(result.notes) == 1 and "runs Python 3.8" in result.notes[0]
    assert out.getvalue() == coverage(project, "report", f"--data-file={RAN}")


def test_what_a_worker_says_of_a_file(project: Path, liar: Any) -> None:
    """A reason that the worker gives is one line of text; a page shows the source and none of the worker's own."""
    liar("""send(b'{"error": "<b>\\\\u001b[2J\\\\n' + b"x" * 1000 + b'"}')""")
    with pytest.raises(Exception, match="can be shown") as failed:
        write(measurement(recorded(project), python=(3, 8, 18)), [Wanted("html")], out=io.StringIO())
    reasons = dict(failed.value.problems)  # type: ignore[attr-defined]
    assert all(reason.isprintable() and len(reason) < 400 for reason in reasons.values())

    liar("""send(b'{"statements": [1], "excluded": [], "multiline": []}\\n[[["evil", "<script>"]]]')""")
    result = write(measurement(recorded(project), python=(3, 8, 18)), [Wanted("html")], out=io.StringIO())
    assert result.notes == ()
    assert not any("evil" in page or "<script>" in page for page in html(project / "htmlcov").values())


def test_without_an_interpreter_of_that_version(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, the report is ours with a note, and a source that only theirs can parse is named as such."""
    monkeypatch.setenv("PATH", "")
    (project / "new.py").write_text("x = t'{1}'\n")
    lines = recorded(project) | {str(project / "new.py"): {1}}
    result = write(measurement(lines, python=(3, 14, 1)), [Wanted("text")], out=io.StringIO())
    (note,) = result.notes
    assert "runs Python 3.14" in note and "python3.14 on your PATH" in note
    (unreported,) = result.unreported
    assert unreported.path.endswith("new.py") and "the process runs 3.14" in unreported.reason


def test_where_we_stand_is_no_place_for_interpreters(project: Path, monkeypatch: pytest.MonkeyPatch, liar: Any) -> None:
    """An interpreter in the working directory, which may be the target's, is not run."""
    liar("sys.exit()")
    monkeypatch.chdir(project / "liars")
    monkeypatch.setenv("PATH", os.pathsep.join(("", ".", "../liars")))
    lines = {str(project / "program.py"): {1}}
    (note,) = write(measurement(lines, python=(3, 8, 18)), [Wanted("text")], out=io.StringIO()).notes
    assert "it is another Python" in note or "cannot be run" in note


@on_interpreters("3.8", "3.12", "3.15")
def test_the_targets_own_interpreter(interpreter: Interpreter, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one on PATH the target's own interpreter is asked, and says the same."""
    require_modules(interpreter.version)
    python = tuple(int("".join(filter(str.isdigit, part))) for part in interpreter.release.split(".")[:3])
    links = project / "links"
    links.mkdir()
    (links / f"python{interpreter.minor}").symlink_to(interpreter.path)
    texts = []
    with running(
        [str(interpreter.path), "-c", "import time; print('go', flush=True); time.sleep(100)"], ready="go"
    ) as target:
        for path in (str(links), ""):
            monkeypatch.setenv("PATH", path)
            measured = measurement(recorded(project), python=python, pid=target.pid)
            out = io.StringIO()
            assert write(measured, [Wanted("text")], out=out, options=Options(show_missing=True)).notes == ()
            texts.append(out.getvalue())
    assert texts[0] == texts[1]


@pytest.mark.parametrize("in_memory", [64 << 20, 100], ids=["memory", "file"])
def test_many_processes_make_the_same_report(project: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    """Analyzed and rendered by forks, with answers in memory or in a file, every page is coverage.py's."""
    monkeypatch.setattr(analyses, "_FEW", 0)
    monkeypatch.setattr(pages, "_FEW", 0)
    monkeypatch.setattr(spool, "_IN_MEMORY", in_memory)
    monkeypatch.setattr(workers, "processors", lambda: 3)
    monkeypatch.setattr(pages, "processors", lambda: 3)
    forks: list[int] = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: forks.append(1) or fork())
    phases: dict[str, tuple[int, int]] = {}
    wanted = [Wanted("html"), Wanted("json", "ours.json")]
    (project / "broken.py").write_text("def (:\n")
    result = write(
        measurement(recorded(project) | {str(project / "broken.py"): {1}}),
        wanted,
        out=io.StringIO(),
        options=Options(contexts=False),
        progress=lambda phase, done, total: phases.update({phase: (done, total)}),
    )
    assert len(forks) == 6
    assert [os.path.basename(file.path) for file in result.unreported] == ["broken.py"]
    coverage(project, "html", f"--data-file={RAN}", "-d", "theirs")
    ours = {name: page.split('<p style="')[0] for name, page in html(project / "htmlcov").items()}
    assert ours == {
        name: page if name != "index.html" else ours[name] for name, page in html(project / "theirs").items()
    }
    assert phases == {"Analyzing": (6, 6), "Counting": (5, 6), "Rendering HTML": (5, 5), "Writing json": (5, 6)}

    # what did not change is not made anew, and what did is
    pages_before = {path.name: path.stat().st_mtime_ns for path in (project / "htmlcov").glob("*_py.html")}
    write(measurement(recorded(project)), [Wanted("html")], out=io.StringIO(), options=Options(contexts=False))
    assert pages_before == {path.name: path.stat().st_mtime_ns for path in (project / "htmlcov").glob("*_py.html")}
    fewer = measurement(recorded(project) | {str(project / "program.py"): {1}}, context="deploy 17")
    for contexts in (False, True):
        write(fewer, [Wanted("html")], out=io.StringIO(), options=Options(contexts=contexts))
        page = (project / "htmlcov" / "program_py.html").read_text()
        assert page.count('<p class="run">') == 1 and ("deploy 17" in page) == contexts


def test_a_killed_worker_costs_its_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that kills its worker is named, and the others are reported."""
    monkeypatch.setattr(analyses, "_FEW", 0)
    analyze = analyses.program.analyze

    def deadly(text: str, *rest: Any) -> dict[str, Any]:
        if "deadly" in text:
            os._exit(1)
        return analyze(text, *rest)

    monkeypatch.setattr(analyses.program, "analyze", deadly)
    (project / "deadly.py").write_text("deadly = 1\n")
    lines = recorded(project) | {str(project / "deadly.py"): {1}}
    result = write(measurement(lines), [Wanted("text")], out=io.StringIO())
    assert [(os.path.basename(file.path), file.reason) for file in result.unreported] == [
        ("deadly.py", "not parsed as Python: its analysis failed: it ended")
    ]
    assert result.files == 5


def test_a_slow_worker_is_ended(project: Path, liar: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that takes too long for a file is ended, and the file is named."""
    monkeypatch.setattr(workers, "TIMEOUT", 0.3)
    liar("time.sleep(60)")
    start = time.monotonic()
    with pytest.raises(Exception, match="can be shown") as failed:
        write(measurement({str(project / "program.py"): {1}}, python=(3, 8, 18)), [Wanted("text")], out=io.StringIO())
    assert "it took too long" in str(failed.value.hint)  # type: ignore[attr-defined]
    assert time.monotonic() - start < 30


def test_no_room_for_answers(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the folder for temporary files is full, it is named; a small report does not need it."""
    monkeypatch.setattr(spool, "_IN_MEMORY", 0)
    monkeypatch.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert write(measurement(recorded(project)), [Wanted("xml")], out=io.StringIO()).files == 5
    monkeypatch.setattr(analyses, "_FEW", 0)
    with pytest.raises(OutputNotWritable, match="No space") as failed:
        write(measurement(recorded(project)), [Wanted("xml")], out=io.StringIO())
    assert failed.value.path == tempfile.gettempdir()


def test_changed_after_it_ran(project: Path) -> None:
    """A source that is now shorter than what ran of it is reported in every format, with branches too, and marked."""
    leaf, other = project / "leaf.py", project / "other.py"
    leaf.write_text("def leaf(name):\n    if name:\n        return 1\n")
    other.write_text("pass\n")
    os.utime(other, (0, 0))
    measured = measurement({str(leaf): {1, 2, 50, 1000}, str(other): {1}}, started=time.time() - 3600)
    steps = {str(leaf): pack_arcs({arc(-1, 2), arc(2, 50), arc(50, 1000), arc(1000, -1)})}
    for each in (measured, dataclasses.replace(measured, arcs=steps | {str(other): b""})):
        out = io.StringIO()
        names = ("html", "xml", "json", "lcov", "annotate", "data")
        wanted = [Wanted("text"), *(Wanted(name, f"out.{name}") for name in names)]
        assert write(each, wanted, out=out).changed == (str(leaf),)
        assert "leaf.py: changed since" in out.getvalue()
        assert json.loads((project / "out.json").read_text())["meta"]["live_attach"]["changed_sources"] == ["leaf.py"]
        assert "<!-- leaf.py: changed since" in (project / "out.xml").read_text()
        marked = {name for name, page in html(project / "out.html").items() if "changed since" in page}
        assert len(marked) == 2 and "index.html" in marked and "leaf_py.html" in marked

    os.utime(leaf, (0, 0))
    write(each, [Wanted("html", "out.html")], out=io.StringIO())
    assert not any("changed since" in page for page in html(project / "out.html").values())


def test_missing_sources_are_named(project: Path) -> None:
    """A source that is gone is named in the reports that have a place for it, with the reason, as plain text."""
    gone = str(project / "gone--<b>.py")
    out = io.StringIO()
    wanted = [Wanted("text"), Wanted("json", "o.json"), Wanted("xml", "o.xml"), Wanted("html")]
    write(measurement(recorded(project) | {gone: {1}}), wanted, out=out)
    assert "not shown: the file does not exist" in out.getvalue()
    assert "does not exist" in next(
        iter(json.loads((project / "o.json").read_text())["meta"]["live_attach"]["missing_sources"].values())
    )
    assert "does not exist" in (project / "o.xml").read_text()
    ElementTree.parse(project / "o.xml")
    index = (project / "htmlcov" / "index.html").read_text()
    assert "does not exist" in index and "<b>.py" not in index
    (project / "settings.rc").write_text("[report]\nformat = total\n")
    out = io.StringIO()
    write(
        measurement(recorded(project) | {gone: {1}}), [Wanted("text")], out=out, options=Options(rcfile="settings.rc")
    )
    assert out.getvalue().strip().isdigit()
