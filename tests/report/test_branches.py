"""Branches: what is reported equals coverage.py's own reports of the same arcs, and hostile arcs steer nothing."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
from coverage import CoverageData
from coverage.parser import PythonParser
from hypothesis import given
from hypothesis import strategies as st

from attach.errors import MeasurementRejected
from attach.report import Measured, Options, Wanted, arcs, data, write
from attach_agent.wire import arc, pack_arcs, trail
from tests.report.conftest import SHAPES, coverage, measurement
from tests.report.test_formats import html, numbers, xml

Arcs = set[tuple[int, int]]


def with_branches(steps: dict[str, Arcs]) -> Measured:
    packed = {path: pack_arcs({arc(*ends) for ends in found}) for path, found in steps.items()}
    lines = {path: {line for ends in found for line in ends if line > 0} for path, found in steps.items()}
    return dataclasses.replace(measurement(lines), arcs=packed)


def branches(folder: Path, name: str = "branch.cov") -> dict[str, Arcs]:
    """The arcs in a data file of coverage's."""
    found = CoverageData(str(folder / name))
    found.read()
    return {path: set(found.arcs(path) or ()) for path in found.measured_files()}


@pytest.mark.parametrize("settings", ["", "[run]\nrelative_files = true\n"])
def test_all_formats_equal_coverages_own(project: Path, settings: str) -> None:
    """Every format tells exactly what coverage.py's own command tells of the same arcs."""
    (project / "settings.rc").write_text(settings)
    chosen = ["--rcfile=settings.rc", "--data-file=branch.cov"]
    coverage(project, "run", "--branch", *chosen, "program.py")
    text = coverage(project, "report", *chosen, "-m")
    for name in ("xml", "json", "lcov"):
        coverage(project, name, *chosen, "-o", f"theirs.{name}")
    for name in ("html", "annotate"):
        coverage(project, name, *chosen, "-d", f"theirs.{name}")

    out = io.StringIO()
    wanted = [Wanted(name, f"ours.{name}") for name in ("html", "xml", "json", "lcov", "annotate", "data")]
    found = {str(project / path): steps for path, steps in branches(project).items()}
    options = Options(rcfile="settings.rc", show_missing=True)
    result = write(with_branches(found), [Wanted("text"), *wanted], out=out, options=options)

    assert out.getvalue() == text and "BrPart" in text
    assert html(project / "ours.html") == html(project / "theirs.html")
    assert xml(project / "ours.xml") == xml(project / "theirs.xml")
    assert numbers(project / "ours.json") == numbers(project / "theirs.json")
    assert (project / "ours.lcov").read_text() == (project / "theirs.lcov").read_text()
    assert branches(project, "ours.data") == branches(project)
    assert result.total == pytest.approx(numbers(project / "theirs.json")["totals"]["percent_covered"])
    annotated = {path.name: path.read_text() for path in (project / "theirs.annotate").iterdir()}
    assert {path.name: path.read_text() for path in (project / "ours.annotate").iterdir()} == annotated


def test_two_names_of_a_file_are_one(project: Path) -> None:
    """What ran under two names of a file, a link being one, is reported together."""
    (project / "link").symlink_to(project)
    steps = {str(project / "program.py"): {(-1, 1), (1, 3)}, str(project / "link" / "program.py"): {(3, 4)}}
    write(with_branches(steps), [Wanted("data", "d.cov")], out=io.StringIO())
    assert branches(project, "d.cov") == {str(project / "program.py"): {(-1, 1), (1, 3), (3, 4)}}


SPREAD = """\
if (first and
        second):
    third = [
        4
    ]
fifth = 6
"""


@pytest.mark.parametrize(
    ("lines", "settled"),
    [
        ([1, 3, 6], {(1, 3)}),  # to the next statement
        ([1, 2, 3], {(1, 3)}),  # past more lines of its own
        ([2, 1, 3], {(1, 3)}),  # from such a line
        ([2, 4], {(1, 3)}),  # into the middle of another
        ([1, 6, -1], {(1, 6)}),
        ([1, -1], {(1, -1)}),  # out of the code
        ([2, 2, -1], {(1, -1)}),
        ([2, 0, 1, -1], {(1, -1)}),  # over an instruction without a line
        ([1, 2], {(1, 2)}),  # to the next branch of the same statement: as it stands in the line table
        ([2, 2], set()),
        ([2, 0, 1], set()),
    ],
)
def test_trails(lines: list[int], settled: Arcs) -> None:
    """Of a trail the first line of another statement is where the branch led, as coverage.py sees it."""
    packed = arcs.settled(pack_arcs({trail(lines)}), lambda: arcs.first_lines_of(SPREAD))
    assert packed == pack_arcs({arc(*ends) for ends in settled})


def test_first_lines_are_coverages() -> None:
    """Which line a statement begins with is what coverage.py's parser says."""
    for text in (SPREAD, SHAPES, Path(__file__).read_text()):
        parser = PythonParser(text=text)
        parser.parse_source()
        assert arcs.first_lines_of(text) == parser.multiline_map
    assert arcs.first_lines_of("(") == arcs.first_lines_of("if x:\n    a\n  b") == {}


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_are_taken_or_left(parts: list[bytes]) -> None:
    """Whatever a target sends for arcs, the file is reported or listed with a reason."""
    measured = dataclasses.replace(measurement({"/a.py": {1}}), arcs={"/a.py": b" ".join(parts)})
    checked = data.check(measured)
    assert set(checked.lines) == set(checked.arcs or ()) != {file.path for file in checked.unreported}


def test_impossible_arcs() -> None:
    """Arcs beyond any program are refused or left aside, and no memory is taken for them."""
    many = dataclasses.replace(measurement({"/a.py": {1}}), arcs={"/a.py": b"1 " * (data.MAX_RECORDED + 1)})
    with pytest.raises(MeasurementRejected, match="lines"):
        data.check(many)
    huge = pack_arcs({arc(1, data.MAX_LINE), trail([1, 2, 3])})
    checked = data.check(dataclasses.replace(measurement({"/a.py": {1}, "/b.py": {1}}), arcs={"/a.py": huge}))
    assert set(checked.lines) == {"/b.py"} and str(data.MAX_LINE) in checked.unreported[0].reason
    assert data.lines_of(huge) == data.lines_of(pack_arcs({arc(1, -5)})) != b""
    assert data.lines_of(b"-1") == data.lines_of(b"1_0") == b""
    checked = data.check(dataclasses.replace(measurement({"/a.py": {1}, "/b.py": {1}}), arcs={"/a.py": b"f" * 9999}))
    assert set(checked.lines) == {"/b.py"}


def test_first_lines_of_the_standard_library() -> None:
    """The quick look at a source says what its tokens say, whatever makes a statement several lines long."""
    folder = Path(json.__file__).parents[1]
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("[a-h]*.py"))]
    texts += [
        'a = """\n"""; b = (\n1)\n',
        "if a and \\\n  b:  # c (\n    pass\n",
        "\\\na = [  # (\n  '(',\n]\n",
        "@d(\n1)\ndef f(\n  a,  # b\n): return (\n1)\n",
        "s = 'a\\\nb'\nr'\\'  # '\n",
    ]
    assert len(texts) > 50
    for text in texts:
        assert arcs._quickly(text) == arcs._by_tokens(text)
    assert arcs._quickly("a = f'{'('}'\n") is arcs._quickly("a)\n(\n") is arcs._quickly("a = '\n") is None
