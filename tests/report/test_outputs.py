"""Reports arrive whole or not at all, and what was there before stays until then."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from attach.errors import OutputNotWritable
from attach.report import Wanted, formats, write
from attach.report.analysis.workers import processors
from tests.report.conftest import measurement, recorded
from tests.support.processes import wait_until

FORMATS = ["html", "xml", "json", "lcov", "annotate", "data"]


def leftovers(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob(".attach-report-*")]


@pytest.mark.parametrize("format", FORMATS)
def test_a_place_below_a_file(project: Path, format: str) -> None:
    """A place that cannot exist is an error that names it, the reason and another place, before anything is done."""
    place = "program.py/deeper/place"
    with pytest.raises(OutputNotWritable, match=place) as caught:
        write(measurement(recorded(project)), [Wanted("xml"), Wanted(format, place)], out=io.StringIO())  # type: ignore[arg-type]
    assert caught.value.reason in ("Not a directory", "File exists") and "--html=" in caught.value.hint
    assert not (project / "coverage.xml").exists() and not leftovers(project)


@pytest.mark.parametrize("format", FORMATS)
def test_unwritable_places_are_found_before_rendering(
    project: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that takes no files, even from root, is found before the first report is rendered."""

    def rendered(*_: object) -> None:
        raise AssertionError("rendered")

    monkeypatch.setattr(formats._Report, "render", rendered)
    with pytest.raises(OutputNotWritable, match="/proc/self/task"):
        write(measurement(recorded(project)), [Wanted("text"), Wanted(format, "/proc/self/task/x")], out=io.StringIO())  # type: ignore[arg-type]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_without_permission(project: Path, format: str) -> None:
    """A folder that the operator may not write to is told as such."""
    (project / "closed").mkdir(mode=0o500)
    with pytest.raises(OutputNotWritable, match="Permission denied"):
        write(measurement(recorded(project)), [Wanted(format, "closed/place")], out=io.StringIO())  # type: ignore[arg-type]


@pytest.mark.parametrize("format", ["xml", "json", "lcov", "data"])
def test_a_folder_is_no_place_for_a_file(project: Path, format: str) -> None:
    """A folder of the same name is not replaced by a file."""
    (project / "place").mkdir()
    with pytest.raises(OutputNotWritable, match="Is a directory"):
        write(measurement(recorded(project)), [Wanted(format, "place")], out=io.StringIO())  # type: ignore[arg-type]


FULL_DISK = """\
    import io, resource, sys
    from attach.errors import OutputNotWritable
    from attach.report import Wanted, write
    from tests.report.conftest import measurement, recorded
    from pathlib import Path

    format, limit = sys.argv[1:]
    measured = measurement(recorded(Path()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        write(measured, [Wanted("text"), Wanted(format, "place")], out=sys.stdout)
    except OutputNotWritable as error:
        print(error.path, error.reason)
"""


def program(source: str, *arguments: str, folder: Path) -> subprocess.Popen[str]:
    """A Python program with our packages on its path."""
    here = Path(__file__).parents[2]
    path = os.pathsep.join([str(here), str(here / "agent"), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("format", "limit"), [("html", 20000), ("xml", 700), ("json", 700), ("lcov", 700), ("data", 9000)]
)
def test_a_full_disk(project: Path, format: str, limit: int) -> None:
    """When the disk fills up the error names the place, the report of before is still whole, and nothing is left."""
    write(measurement(recorded(project)), [Wanted(format, "place")], out=io.StringIO())  # type: ignore[arg-type]

    def there() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in project.glob("place*/**/*") if path.is_file()} | (
            {"place": (project / "place").read_bytes()} if (project / "place").is_file() else {}
        )

    before = there()
    assert before
    (project / "parts" / "deeper" / "leaf.py").touch()
    out, err = program(FULL_DISK, format, str(limit), folder=project).communicate(timeout=60)
    assert out.startswith("place ") and "TOTAL" not in out, (out, err)
    assert there() == before
    assert not leftovers(project)


INTERRUPTED = """\
    import io, sys
    from attach.report import Wanted, write
    from tests.report.conftest import measurement
    from pathlib import Path

    lines = {str(path): set(range(1, 200)) for path in Path("many").resolve().iterdir()}
    try:
        write(measurement(lines), [Wanted("xml"), Wanted("html")], out=sys.stdout)
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_the_old_report(project: Path, number: signal.Signals) -> None:
    """Ctrl-C while pages are rendered raises KeyboardInterrupt once, the old reports are whole, nothing is left.

    A killed run leaves no worker either.
    """
    (project / "many").mkdir()
    for module in range(80):
        body = "".join(f"def f{line}(x):\n    return x + {line}\n" for line in range(100))
        (project / "many" / f"m{module}.py").write_text(body)
    write(measurement(recorded(project)), [Wanted("html"), Wanted("xml")], out=io.StringIO())
    before = {path: path.read_bytes() for path in [project / "coverage.xml", *(project / "htmlcov").iterdir()]}
    running = program(INTERRUPTED, folder=project)
    deadline = time.monotonic() + 60
    while not list((project / "htmlcov").glob(".attach-report-*/report/*_m1*.html")):
        assert running.poll() is None and time.monotonic() < deadline, running.communicate()
        time.sleep(0.005)
    workers = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    assert len(workers) == processors() or processors() == 1
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert (out, err) == ("interrupted\n" if number == signal.SIGINT else "", "")
    wait_until(lambda: not any(os.path.exists(f"/proc/{worker}") for worker in workers), "the workers' end")
    assert {path: path.read_bytes() for path in before} == before
    assert number == signal.SIGKILL or not leftovers(project)


def test_a_failure_leaves_no_new_folders(project: Path) -> None:
    """Folders that were made for a report that then failed are taken away again."""
    with pytest.raises(OutputNotWritable):
        write(
            measurement(recorded(project)),
            [Wanted("html", "new/deep/pages"), Wanted("xml", "new/other/x.xml"), Wanted("json", "program.py/j")],
            out=io.StringIO(),
        )
    assert not (project / "new").exists()


def test_missing_folders_are_made(project: Path) -> None:
    """As with coverage, a report makes the folders that lead to it."""
    wanted = [Wanted("html", "new/pages"), Wanted("data", "new/data/.coverage"), Wanted("annotate", "new/notes")]
    write(measurement(recorded(project)), wanted, out=io.StringIO())
    assert (project / "new" / "pages" / "index.html").exists() and (project / "new" / "data" / ".coverage").exists()
    assert not leftovers(project)


def test_links_and_devices_are_written_through(project: Path) -> None:
    """A link or a device in the place of a report is not replaced by a file."""
    (project / "real.xml").write_text("old")
    (project / "link.xml").symlink_to("real.xml")
    write(measurement(recorded(project)), [Wanted("xml", "link.xml"), Wanted("json", "/dev/null")], out=io.StringIO())
    assert (project / "link.xml").is_symlink() and "<coverage" in (project / "real.xml").read_text()
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(OutputNotWritable, match="/dev/full: No space left"):
        write(measurement(recorded(project)), [Wanted("xml", "/dev/full")], out=io.StringIO())


def test_new_files_have_the_usual_mode(project: Path) -> None:
    """Reports are as readable as the operator's umask lets files be."""
    before = os.umask(0o027)
    try:
        wanted = [Wanted("html"), Wanted("xml"), Wanted("data", "d.cov")]
        write(measurement(recorded(project)), wanted, out=io.StringIO())
    finally:
        os.umask(before)
    files = [project / "coverage.xml", project / "htmlcov" / "index.html", project / "d.cov"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}


def test_data_replaces_data(project: Path) -> None:
    """As a new `coverage run` does, a snapshot replaces the data file that is there."""
    path = str(project / "program.py")
    for lines in ({1, 3}, {1}):
        write(measurement({path: lines}), [Wanted("data", "d.cov")], out=io.StringIO())
    assert recorded(project, "d.cov") == {path: {1}}
