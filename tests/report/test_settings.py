"""The settings that came with a measurement are those of its reports."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from coverage import CoverageData

from attach.report import Options, Wanted, write
from attach.report.settings import Settings
from tests.report.conftest import coverage, measurement, recorded


def report(project: Path, values: dict[str, Any], options: Options | None = None, **other: Any) -> dict[str, Any]:
    """A JSON report of what ran, by settings with these values."""
    settings = Settings("/f", str(project), values, other.pop("paths", {}))
    out = io.StringIO()
    write(measurement(recorded(project), settings=settings, **other), [Wanted("json", "-")], out=out, options=options)
    found = json.loads(out.getvalue())
    assert isinstance(found, dict)
    return found


def test_they_are_coverages_own(project: Path) -> None:
    """The report equals that of coverage.py with a file that says the same."""
    (project / "rc").write_text(
        "[report]\nexclude_also = def careful\nprecision = 3\nomit = parts/deeper/*\n[json]\npretty_print = True\n"
    )
    coverage(project, "json", "--data-file=ran.cov", "--rcfile=rc", "-o", "theirs.json")
    from coverage.config import CoverageConfig

    values = {
        "report:exclude_lines": [*CoverageConfig().exclude_list, "def careful"],
        "report:precision": 3,
        "report:omit": ["parts/deeper/*"],
        "json:pretty_print": True,
    }
    ours, theirs = report(project, values), json.loads((project / "theirs.json").read_text())
    for found in (ours, theirs):
        found.pop("meta")
    assert ours == theirs


def test_options_go_before_them(project: Path) -> None:
    """A limit on the command line, another file, or none, replaces theirs."""
    values = {"report:fail_under": 100.0, "report:omit": ["parts/*"]}
    settings = Settings("/f", str(project), values)
    measured = measurement(recorded(project), settings=settings)

    def written(options: Options) -> tuple[int, int]:
        result = write(measured, [Wanted("text")], out=io.StringIO(), options=options)
        return result.exit_code, result.files

    (project / "rc").write_text("[report]\nfail_under = 1\n")
    everything = written(Options(rcfile=""))[1]
    assert written(Options())[0] == 2
    assert written(Options(fail_under=1))[0] == 0
    assert written(Options(rcfile=""))[0] == 0
    assert written(Options(rcfile="rc")) == (0, everything)


def test_names_below_the_project(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative files are relative to the project, wherever the operator stands; so is what is left out."""
    monkeypatch.chdir(tmp_path)
    values = {"run:relative_files": True, "report:omit": ["parts/shapes.py"]}
    found = report(project, values)
    assert "program.py" in found["files"] and not any("shapes" in name for name in found["files"])
    settings = Settings("/f", str(project), values)
    write(measurement(recorded(project), settings=settings), [Wanted("data", "d")], out=io.StringIO())
    data = CoverageData("d")
    data.read()
    assert "program.py" in data.measured_files()


def test_paths_lead_to_what_the_process_sees(project: Path, tmp_path: Path) -> None:
    """[paths] joins copies of a file under the first path, if it is there; else the name stays."""
    copy = tmp_path / "installed"
    copy.mkdir()
    (copy / "program.py").write_text((project / "program.py").read_text())
    (copy / "only_here.py").write_text("x = 1\n")
    lines = {str(copy / "program.py"): {1}, str(copy / "only_here.py"): {1}, str(project / "program.py"): {3}}
    settings = Settings("/f", str(project), {}, {"x": ["", str(copy)]})
    out = io.StringIO()
    write(measurement(lines, settings=settings), [Wanted("json", "-")], out=out)
    files = json.loads(out.getvalue())["files"]
    assert set(files) == {"program.py", str(copy / "only_here.py")}
    assert files["program.py"]["executed_lines"] == [1, 3]


@pytest.mark.parametrize("is_ours", [True, False])
def test_places(project: Path, is_ours: bool) -> None:
    """Where reports go is theirs to say only if the process could write there itself."""
    values = {"run:data_file": "there.data", "xml:output": "there.xml"}
    settings = Settings("/f", str(project), values)
    measured = measurement(recorded(project), settings=settings, is_ours=is_ours)
    result = write(measured, [Wanted("data"), Wanted("xml")], out=io.StringIO())
    expected = ["there.data", "there.xml"] if is_ours else [".coverage", "coverage.xml"]
    assert [place for _, place in result.written] == expected
    assert bool(settings.not_reported(places=is_ours)) is not is_ours
