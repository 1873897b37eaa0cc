"""Whatever a target sends, a report is made of the good part or refused; nothing of it steers anything."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attach.errors import MeasurementRejected, NothingToReport
from attach.report import Wanted, data, write
from attach_agent.wire import pack_lines, unpack_lines
from tests.report.conftest import coverage, measurement, recorded


@given(st.sets(st.integers(0, 5000)), st.sets(st.integers(0, 5000)))
def test_either(one: set[int], other: set[int]) -> None:
    """Two packed sets become their union."""
    assert unpack_lines(data.either(pack_lines(one), pack_lines(other))) == one | other


def test_line_zero_is_dropped(project: Path) -> None:
    """Line 0, which stands for code without a line, is in no report and no data file."""
    write(measurement({str(project / "program.py"): {0, 1, 3}}), [Wanted("data")], out=io.StringIO())
    assert recorded(project, ".coverage") == {str(project / "program.py"): {1, 3}}


def test_odd_files_do_not_spoil_the_others(project: Path) -> None:
    """Files with impossible names or numbers are listed with a reason, and the others are reported."""
    good = str(project / "program.py")
    odd = {
        "<string>": {1},
        "<frozen importlib._bootstrap>": {1, 2},
        "/app/nul\0.py": {1},
        "/app/\udcff.py": {1},
        "/app/" + "x" * 250 + ".py": {1},
        "/app" + "/x" * 3000: {1},
        "/app/many.py": {data.MAX_LINE},
        "": {1},
    }
    out = io.StringIO()
    result = write(measurement({good: {1}} | odd), [Wanted("json", "-"), Wanted("data", "d.cov")], out=out)
    assert set(json.loads(out.getvalue())["files"]) == {"program.py"}
    assert len(result.unreported) == len(odd) and all(file.reason for file in result.unreported)
    assert "program.py" in coverage(project, "report", "--data-file=d.cov")


def test_an_impossible_measurement_is_rejected() -> None:
    """A measurement beyond any program is refused before it takes the operator's memory."""
    with pytest.raises(MeasurementRejected, match="files"):
        data.check(measurement({f"/{number}.py": {1} for number in range(data.MAX_FILES + 1)}))
    full = b"\xff" * (data.MAX_LINE // 8)
    measured = measurement({})
    with pytest.raises(MeasurementRejected, match="lines"):
        data.check(dataclasses.replace(measured, lines={"/a.py": full, "/b.py": full}))


@pytest.mark.parametrize("lines", [{b"/a.py": b"\2"}, {"/a.py": [1]}, {"/a.py": None}, {3: b"\2"}])
def test_only_plain_values(lines: dict[str, bytes]) -> None:
    """A value of any other kind than a name and its bits is refused, whatever methods it has."""
    with pytest.raises(MeasurementRejected):
        data.check(dataclasses.replace(measurement({}), lines=lines))


def test_names_cannot_steer_terminals_or_reports(project: Path, tmp_path: Path) -> None:
    """Control characters and markup in a file's name are escaped in every format and in the result."""
    folder = tmp_path / "odd"
    folder.mkdir()
    names = [
        "\x1b]0;title\x07\x1b[31m.py",
        "line\nTN:forged.py",
        "<script>alert(1)<.py",
        "a' onclick=\"alert(1)&b.py",
        "rtl\u202e.py",
    ]
    for name in names:
        (folder / name).write_text("x = 1\n")
    missing = str(folder / "gone\x1b[2J.py")
    out = io.StringIO()
    formats = [Wanted("text"), Wanted("html"), Wanted("xml"), Wanted("json"), Wanted("lcov"), Wanted("annotate")]
    lines = {str(folder / name): {1} for name in names} | {missing: {1}}
    result = write(measurement(lines), formats, out=out)
    texts = [out.getvalue(), repr(result)]
    texts += [(project / name).read_text() for name in ("coverage.json", "coverage.lcov")]
    texts += [path.read_text() for path in (project / "htmlcov").glob("*.html")]
    texts += [element.attrib["filename"] for element in ElementTree.parse("coverage.xml").iter("class")]
    for text in texts:
        assert not set("\x1b\x07\u202e") & set(text) and "\nTN:forged" not in text
    for path in (project / "htmlcov").glob("*.html"):
        assert "<script>alert" not in path.read_text() and 'onclick="alert' not in path.read_text()
    assert "\\x1b[2J" in result.unreported[0].path
    assert result.files == len(names)
    assert len(list((project / "annotate").iterdir())) == len(names)


def test_relative_names_are_below_the_targets_folder(project: Path) -> None:
    """A script that was started by a relative name is found where the target started it."""
    result = write(measurement({"program.py": {1}, "./program.py": {3}}), [Wanted("json")], out=io.StringIO())
    assert result.files == 1
    report = json.loads((project / "coverage.json").read_text())
    assert report["files"]["program.py"]["executed_lines"] == [1, 3]


def test_newer_syntax_is_listed(project: Path, tmp_path: Path) -> None:
    """A source that the operator's Python cannot parse is listed with the reason, and the others are reported."""
    sources = {
        "newer.py": "x = 1\nx +++= 2\n",
        "nul.py": "x = 1\0\n",
        "encoding.py": "# coding: no-such\nx = 1\n",
        "deep.py": "x = " + "(" * 5000 + ")" * 5000 + "\n",
        "unclosed.py": "x = (1,\n",
        "page.html": "<p>{{ name }}\n",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    lines = {str(tmp_path / name): {1} for name in sources}
    formats = [Wanted("text"), Wanted("html"), Wanted("xml"), Wanted("json"), Wanted("lcov"), Wanted("annotate")]
    result = write(measurement(lines | {str(project / "program.py"): {1}}), formats, out=io.StringIO())
    assert {Path(file.path).name for file in result.unreported} == set(sources)
    assert all(file.reason.startswith("not parsed as Python: ") for file in result.unreported)
    assert result.files == 1 and result.warnings == ()
    for format in formats:
        with pytest.raises(NothingToReport) as caught:
            write(measurement(lines), [format], out=io.StringIO())
        assert "newer.py: not parsed as Python" in caught.value.hint


def test_long_chains_do_not_break_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generated file with hundreds of elif branches, too deep for coverage's regions, is reported without them."""
    monkeypatch.chdir(tmp_path)
    chain = "".join(f"elif x == {number}:\n    y = {number}\n" for number in range(1, 600))
    (tmp_path / "chain.py").write_text("x = 1\nif x == 0:\n    y = 0\n" + chain)
    formats = [Wanted("html"), Wanted("json"), Wanted("lcov")]
    result = write(measurement({str(tmp_path / "chain.py"): {1, 2}}), formats, out=io.StringIO())
    assert result.files == 1 and result.unreported == ()
