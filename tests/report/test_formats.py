"""What is reported equals coverage.py's own reports of the same lines."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from attach.errors import NothingMeasured, NothingToReport, ReportConfigNotUsable
from attach.report import Options, Wanted, write
from tests.report.conftest import RAN, coverage, measurement, recorded

CONFIGURATIONS = {
    "none": "",
    "report": (
        "[report]\nshow_missing = true\nskip_covered = true\nprecision = 2\nsort = -miss\n"
        "omit =\n    */deeper/*\nexclude_also =\n    def never\n"
    ),
    "sections": (
        "[html]\ntitle = Ours & theirs\nskip_empty = true\n[json]\npretty_print = true\n"
        "[xml]\npackage_depth = 1\n[lcov]\nline_checksums = true\n"
    ),
    "source": "[run]\nsource = parts\n",
    "relative": "[run]\nrelative_files = true\n",
}


@pytest.fixture(params=CONFIGURATIONS)
def rcfile(request: pytest.FixtureRequest, project: Path) -> str:
    path = project / "settings.rc"
    path.write_text(CONFIGURATIONS[request.param])
    return str(path)


def html(folder: Path) -> dict[str, str]:
    """The pages of a report, without the time at which they were made."""
    pages = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix == ".html"}
    return {name: re.sub(r"created at [^<]*", "", page) for name, page in pages.items()}


def xml(path: Path) -> list[tuple[str, dict[str, str], str]]:
    tree = ElementTree.parse(path)
    return [
        (element.tag, {key: value for key, value in element.attrib.items() if key != "timestamp"}, element.text or "")
        for element in tree.iter()
    ]


def numbers(path: Path) -> dict[str, Any]:
    """A JSON report without its time, and without the line 0 that older coverage shows."""
    text = re.sub(r'"executed_lines": \[\s*0\s*\]', '"executed_lines": []', path.read_text())
    report: dict[str, Any] = json.loads(text)
    del report["meta"]["timestamp"]
    return report


def test_all_formats_equal_coverages_own(project: Path, rcfile: str) -> None:
    """Every format tells exactly what coverage.py's own command tells of the same lines and configuration."""
    theirs = {name: project / f"theirs.{name}" for name in ("html", "xml", "json", "lcov", "annotate")}
    settings = f"--rcfile={rcfile}"
    data = f"--data-file={RAN}"
    if "relative" in Path(rcfile).read_text():
        data = "--data-file=relative.cov"  # coverage looks for the names that it would have recorded
        coverage(project, "run", settings, data, "program.py")
    text = coverage(project, "report", settings, data)
    coverage(project, "html", settings, data, "-d", str(theirs["html"]))
    coverage(project, "annotate", settings, data, "-d", str(theirs["annotate"]))
    for name in ("xml", "json", "lcov"):
        coverage(project, name, settings, data, "-o", str(theirs[name]))

    out = io.StringIO()
    wanted = [
        Wanted("text"),
        Wanted("html", "ours.html"),
        Wanted("xml", "ours.xml"),
        Wanted("json", "ours.json"),
        Wanted("lcov", "ours.lcov"),
        Wanted("annotate", "ours.annotate"),
    ]
    result = write(measurement(recorded(project)), wanted, out=out, options=Options(rcfile=rcfile))

    assert out.getvalue() == text
    assert html(project / "ours.html") == html(theirs["html"])
    assert xml(project / "ours.xml") == xml(theirs["xml"])
    assert numbers(project / "ours.json") == numbers(theirs["json"])
    assert (project / "ours.lcov").read_text() == theirs["lcov"].read_text()
    annotated = {path.name: path.read_text() for path in theirs["annotate"].iterdir()}
    assert {path.name: path.read_text() for path in (project / "ours.annotate").iterdir()} == annotated
    assert result.written == tuple((want.format, want.path or "-") for want in wanted)
    assert result.total == pytest.approx(numbers(theirs["json"])["totals"]["percent_covered"])
    assert result.unreported == () and result.changed == () and result.warnings == () and result.notes == ()


def test_places_are_the_configurations_or_coverages_defaults(project: Path) -> None:
    """A format without a path goes where the configuration says, or where coverage.py puts it."""
    measured = measurement(recorded(project))
    (project / "settings.rc").write_text("[html]\ndirectory = pages/here\n[xml]\noutput = out.xml\n")
    wanted = [Wanted("html"), Wanted("xml"), Wanted("json"), Wanted("lcov")]
    result = write(measured, wanted, out=io.StringIO(), options=Options(rcfile="settings.rc"))
    assert [place for _, place in result.written] == ["pages/here", "out.xml", "coverage.json", "coverage.lcov"]
    assert (project / "pages" / "here" / "index.html").exists() and (project / "coverage.lcov").exists()
    result = write(measured, [Wanted("html"), Wanted("xml")], out=io.StringIO())
    assert [place for _, place in result.written] == ["htmlcov", "coverage.xml"]


def test_dash_is_the_given_stream(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file format with the path - goes to the stream that was given, and nothing is printed."""
    out = io.StringIO()
    write(measurement(recorded(project)), [Wanted("json", "-")], out=out)
    assert set(json.loads(out.getvalue())["files"]) == {
        "program.py",
        "parts/__init__.py",
        "parts/shapes.py",
        "parts/deeper/__init__.py",
        "parts/deeper/leaf.py",
    }
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("format", ["html", "annotate", "data"])
def test_folders_do_not_go_to_a_stream(format: str) -> None:
    """A report of several files, or of bytes, cannot be asked for on standard output."""
    with pytest.raises(ValueError, match="not to standard output"):
        Wanted(format, "-")  # type: ignore[arg-type]


def test_data_file_is_coverages(project: Path, tmp_path: Path) -> None:
    """The data file gives coverage's own commands the same report, alone and combined with another."""
    own = coverage(project, "report", f"--data-file={RAN}", "-m")
    lines = recorded(project)
    half = {path: {line for line in numbers if line % 2} for path, numbers in lines.items()}
    rest = {path: numbers - half[path] for path, numbers in lines.items()}
    write(measurement(lines), [Wanted("data", "saved.cov")], out=io.StringIO())
    assert coverage(project, "report", "--data-file=saved.cov", "-m") == own

    write(measurement(half, context="first"), [Wanted("data", "part.1")], out=io.StringIO())
    write(measurement(rest, context="second"), [Wanted("data", "part.2")], out=io.StringIO())
    coverage(project, "combine", "--data-file=both.cov", "part.1", "part.2")
    assert coverage(project, "report", "--data-file=both.cov", "-m") == own
    coverage(project, "html", "--data-file=both.cov", "--show-contexts", "-d", str(tmp_path / "pages"))
    assert "second" in (tmp_path / "pages" / "program_py.html").read_text()


def test_context_is_shown(project: Path) -> None:
    """The label of a measurement is in its HTML and JSON when contexts are asked for."""
    measured = measurement(recorded(project), context="deploy 17")
    write(measured, [Wanted("html"), Wanted("json", "c.json")], out=io.StringIO(), options=Options(contexts=True))
    assert "deploy 17" in (project / "htmlcov" / "program_py.html").read_text()
    report = json.loads((project / "c.json").read_text())
    assert report["files"]["program.py"]["contexts"]["1"] == ["deploy 17"]


def test_only_what_changed_is_rendered_again(project: Path) -> None:
    """A second HTML report in the same folder shows new lines, and leaves pages that are still right alone."""
    lines = recorded(project)
    leaf = str(project / "parts" / "deeper" / "leaf.py")
    write(measurement(lines | {leaf: {1}}), [Wanted("html")], out=io.StringIO())
    pages = {path.name: path.stat().st_mtime_ns for path in (project / "htmlcov").iterdir()}
    write(measurement(lines), [Wanted("html")], out=io.StringIO())
    again = {path.name: path.stat().st_mtime_ns for path in (project / "htmlcov").iterdir()}
    renewed = {name for name in again if name.startswith(("z_", "program")) and again[name] != pages[name]}
    assert len(renewed) == 1 and renewed.pop().endswith("leaf_py.html")
    coverage(project, "html", f"--data-file={RAN}", "-d", "theirs")
    assert html(project / "htmlcov") == html(project / "theirs")


def test_a_foreign_folder_keeps_its_files(project: Path) -> None:
    """As with coverage, a folder that holds other files gets the report beside them, without a .gitignore."""
    (project / "site").mkdir()
    (project / "site" / "mine.txt").write_text("mine")
    write(measurement(recorded(project)), [Wanted("html", "site")], out=io.StringIO())
    assert (project / "site" / "mine.txt").read_text() == "mine"
    assert (project / "site" / "index.html").exists() and not (project / "site" / ".gitignore").exists()
    write(measurement(recorded(project)), [Wanted("html", "new")], out=io.StringIO())
    assert (project / "new" / ".gitignore").exists()


@pytest.mark.parametrize(("limit", "code"), [(1.0, 0), (99.5, 2)])
@pytest.mark.parametrize("format", ["text", "xml", "annotate", "data"])
def test_fail_under(project: Path, limit: float, code: int, format: str) -> None:
    """A total below the limit makes the exit code 2, as coverage's, and the reports are written all the same."""
    wanted = [Wanted(format, None if format == "text" else "place")]  # type: ignore[arg-type]
    result = write(measurement(recorded(project)), wanted, out=io.StringIO(), options=Options(fail_under=limit))
    assert (result.exit_code, result.fail_under) == (code, limit if code else None)
    assert format == "text" or (project / "place").exists()
    (project / "settings.rc").write_text(f"[report]\nfail_under = {limit}\n")
    result = write(measurement(recorded(project)), wanted, out=io.StringIO(), options=Options(rcfile="settings.rc"))
    assert result.exit_code == code


def test_show_missing(project: Path) -> None:
    """The lines that did not run are named on demand."""
    out = io.StringIO()
    write(measurement(recorded(project)), [Wanted("text")], out=out, options=Options(show_missing=True))
    assert out.getvalue() == coverage(project, "report", "-m", f"--data-file={RAN}")


@pytest.mark.parametrize(
    "text", ["[report]\nprecision = many\n", "[report\n", "[report]\nexclude_also = (\n", "[report]\nsort = x\n"]
)
def test_bad_configuration(project: Path, text: str) -> None:
    """A configuration that coverage cannot use is told with its reason, and nothing is written."""
    (project / "settings.rc").write_text(text)
    with pytest.raises(ReportConfigNotUsable, match=r"settings\.rc|exclude_also|sort"):
        write(
            measurement(recorded(project)),
            [Wanted("xml"), Wanted("text")],
            out=io.StringIO(),
            options=Options(rcfile="settings.rc"),
        )
    assert not (project / "coverage.xml").exists()


def test_missing_configuration_and_impossible_limit(project: Path) -> None:
    """A configuration file that is not there, or a limit of 200 %, is a mistake of usage."""
    measured = measurement(recorded(project))
    with pytest.raises(ReportConfigNotUsable, match="nowhere"):
        write(measured, [Wanted("text")], out=io.StringIO(), options=Options(rcfile="nowhere.rc"))
    with pytest.raises(ReportConfigNotUsable, match="200") as caught:
        write(measured, [Wanted("text")], out=io.StringIO(), options=Options(fail_under=200))
    assert caught.value.exit_code == 2


def test_configured_plugins_are_not_loaded(project: Path) -> None:
    """A configuration that lies in the target's reach cannot make the operator import a module."""
    (project / "evil.py").write_text("raise SystemExit('imported')")
    (project / "settings.rc").write_text("[run]\nplugins = evil\n")
    sys.path.insert(0, str(project))
    try:
        write(
            measurement(recorded(project)), [Wanted("text")], out=io.StringIO(), options=Options(rcfile="settings.rc")
        )
    finally:
        sys.path.remove(str(project))
    assert "evil" not in sys.modules


def test_paths_of_the_configuration_lead_to_the_operators_sources(project: Path) -> None:
    """[paths] shows the operator's copy of the sources under its own path."""
    lines = {path.replace(str(project), "/srv/app"): numbers for path, numbers in recorded(project).items()}
    (project / "settings.rc").write_text(f"[paths]\nsource =\n    {project}\n    /srv/app\n")
    out = io.StringIO()
    result = write(
        measurement(lines), [Wanted("text"), Wanted("data", "d")], out=out, options=Options(rcfile="settings.rc")
    )
    assert out.getvalue() == coverage(project, "report", f"--data-file={RAN}")
    assert result.unreported == ()
    assert coverage(project, "report", "--data-file=d", "--rcfile=settings.rc") == out.getvalue()


def test_nothing_measured_tells_what_ran() -> None:
    """An empty measurement is an error that names what did run and the commands that show it."""
    library = ("the standard library", 40)
    for left_out, texts in (
        ((library, ("radicale", 1)), ("radicale (1 file)", "library (40 files)", "--discard", "--source radicale")),
        ((("/srv/my app", 3),), ("--source '/srv/my app'",)),
        ((library,), ("start-coverage -L",)),
    ):
        with pytest.raises(NothingMeasured) as caught:
            write(measurement({}, left_out=left_out), [Wanted("html", "/nowhere")], out=io.StringIO())
        assert caught.value.exit_code == 1
        for text in texts:
            assert text in caught.value.hint
    with pytest.raises(NothingMeasured, match="no line"):
        write(measurement({"/app.py": {0}}), [Wanted("text")], out=io.StringIO())


def test_everything_omitted(project: Path) -> None:
    """When the configuration leaves no file over, that is an error, not an empty report."""
    (project / "settings.rc").write_text("[report]\nomit = *\n")
    for format in ("text", "xml", "json", "html", "lcov", "annotate"):
        with pytest.raises(NothingToReport, match="can be shown") as caught:
            write(
                measurement(recorded(project)),
                [Wanted(format, "-" if format == "text" else "place")],  # type: ignore[arg-type]
                out=io.StringIO(),
                options=Options(rcfile="settings.rc"),
            )
        assert "omit" in caught.value.hint
        assert not (project / "place").exists()


def test_other_version_is_noted(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process runs another Python than the operator, and none such is there, that lines may differ is said."""
    monkeypatch.setenv("PATH", "")
    result = write(measurement(recorded(project), python=(3, 8, 18)), [Wanted("text")], out=io.StringIO())
    assert "runs Python 3.8" in result.notes[0]
    result = write(measurement(recorded(project), python=(3, 8, 18)), [Wanted("data")], out=io.StringIO())
    assert result.notes == ()


def test_coverages_warnings_are_collected(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What coverage.py warns of is part of the result and is not printed."""
    (project / "settings.rc").write_text("[report]\nno_such_option = 1\n")
    result = write(
        measurement(recorded(project)), [Wanted("text")], out=io.StringIO(), options=Options(rcfile="settings.rc")
    )
    assert len(result.warnings) == 1 and "no_such_option" in result.warnings[0]
    assert capsys.readouterr() == ("", "")


def test_relative_to_where_we_are_now(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are relative to the working directory at the time of the report, as coverage's."""
    monkeypatch.chdir(project / "parts")
    out = io.StringIO()
    write(measurement(recorded(project)), [Wanted("json", "-")], out=out)
    names = set(json.loads(out.getvalue())["files"])
    assert {"shapes.py", str(project / "program.py")} <= names
    assert os.getcwd() == str(project / "parts")
