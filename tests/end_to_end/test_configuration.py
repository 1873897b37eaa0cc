"""The coverage.py configuration of the target's project is found, honoured, and kept for whoever reports."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import assert_explained, attach, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import Target, running, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")

PROJECT = """\
[tool.coverage.run]
source = ["shop"]
omit = ["shop/skipped.py"]
branch = true
context = "live"
sigterm = true

[tool.coverage.report]
exclude_also = ["def never"]
precision = 2
show_missing = true
fail_under = 1

[tool.coverage.xml]
output = "from-project.xml"
"""
FILES = {
    "pyproject.toml": PROJECT,
    "shop/__init__.py": "",
    "shop/__main__.py": "from shop.work import run\nrun()\n",
    "shop/skipped.py": "def skip():\n    return 1\n",
    "shop/work.py": """\
import time

import other
from shop import skipped


def never():
    return 1


def step(number):
    if number < 0:
        return 0
    return skipped.skip() + other.other()


def run():
    print("ready", flush=True)
    number = 0
    while True:
        number += 1
        step(number)
        time.sleep(0.01)
""",
    "other.py": "def other():\n    return 2\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a configuration."""
    return make_project(tmp_path / "project")


def make_project(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def shop(interpreter: Interpreter, project: Path) -> Iterator[Target]:
    """The project's program, as its authors start it."""
    with running([interpreter.path, "-m", "shop"], ready="^ready$", cwd=project) as target:
        yield target


def recorded(target: Target) -> None:
    """Wait until the loop has run once more."""
    wait_until(lambda: " 0 lines" not in succeed(target.pid, "status").stdout, "lines")


def reported(pid: int, folder: Path, *options: str) -> dict[str, Any]:
    """The files of a JSON snapshot that is taken in `folder`."""
    succeed(pid, "snapshot", "--json=report.json", *options, cwd=folder)
    found = json.loads((folder / "report.json").read_text())["files"]
    assert isinstance(found, dict)
    return {Path(name).name: file for name, file in found.items()}


@on_interpreters("3.8", "3.11", "3.14")
def test_the_projects_configuration(shop: Target, project: Path, tmp_path: Path) -> None:
    """Source, omit, branch and exclusions are those of the project's file, for an operator who stands elsewhere."""
    done = succeed(shop.pid, "start-coverage", cwd=tmp_path)
    assert "lines and branches" in done.stderr
    assert "Using project/pyproject.toml: branch, context=live, omit=shop/skipped.py, source=shop;" in done.stderr
    assert "[run] sigterm has no effect" in done.stderr
    recorded(shop)
    assert "using project/pyproject.toml: branch" in succeed(shop.pid, "status", cwd=tmp_path).stdout
    files = reported(shop.pid, tmp_path)
    assert set(files) == {"__init__.py", "__main__.py", "work.py"}
    assert files["work.py"]["excluded_lines"] == [7, 8]
    assert files["work.py"]["missing_branches"] == [[12, 13]]
    text = succeed(shop.pid, "snapshot", cwd=tmp_path).stdout
    assert "Missing" in text and "%" in text and "." in text.splitlines()[-1].split()[-1]


@on_interpreters("3.12")
def test_options_go_before(shop: Target, project: Path) -> None:
    """An option replaces the setting of that name and leaves the others; --no-rcfile leaves none."""
    done = succeed(shop.pid, "start-coverage", "--source", "other", "--no-branch", cwd=project)
    assert "Using pyproject.toml: context=live, omit=shop/skipped.py; for" in done.stderr
    wait_until(lambda: attach(shop.pid, "snapshot", cwd=project).code == 0, "lines")
    assert set(reported(shop.pid, project)) == {"other.py"}
    assert "missing_branches" not in reported(shop.pid, project)["other.py"]
    succeed(shop.pid, "stop-coverage", "--discard")
    done = succeed(shop.pid, "start-coverage", "--no-rcfile", cwd=project)
    assert "Using" not in done.stderr
    recorded(shop)
    wait_until(lambda: len(reported(shop.pid, project)) == 3, "all files")
    assert reported(shop.pid, project)["work.py"]["excluded_lines"] == []


@on_interpreters("3.12")
def test_a_file_that_is_named(shop: Target, project: Path, tmp_path: Path) -> None:
    """--rcfile replaces the project's file, for the measurement or for one report; --no-rcfile for a report too."""
    (tmp_path / "mine.toml").write_text('[run]\nsource = ["other"]\n[report]\nexclude_also = ["def other"]\n')
    done = succeed(shop.pid, "start-coverage", "--rcfile", "mine.toml", cwd=tmp_path)
    assert "Using mine.toml: source=other; for reports exclude_lines" in done.stderr
    wait_until(lambda: "1 file" in succeed(shop.pid, "status").stdout, "lines")
    assert reported(shop.pid, project)["other.py"]["excluded_lines"] == [1, 2]
    assert reported(shop.pid, project, "--no-rcfile")["other.py"]["excluded_lines"] == []
    (tmp_path / "report.toml").write_text('[tool.coverage.report]\nexclude_also = ["return 2"]\n')
    assert reported(shop.pid, tmp_path, "--rcfile=report.toml")["other.py"]["excluded_lines"] == [2]
    assert_explained(attach(shop.pid, "snapshot", "--rcfile=missing", cwd=tmp_path), 2, "[report-config-not-usable]")


@on_interpreters("3.12")
def test_where_it_is_looked_for(interpreter: Interpreter, project: Path, tmp_path: Path) -> None:
    """COVERAGE_RCFILE, the working directory, then the folder that the program lies in."""
    named = tmp_path / "named.rc"
    named.write_text("[run]\nsource = $WHAT\n")
    started = [interpreter.path, "-m", "shop"]
    cases: list[tuple[dict[str, str], str]] = [
        ({}, "Using project/pyproject.toml: branch"),
        ({"COVERAGE_RCFILE": str(named), "WHAT": "other"}, "Using named.rc: source=other"),
        ({"COVERAGE_RCFILE": "../named.rc", "WHAT": "shop"}, "Using named.rc: source=shop"),
    ]
    (tmp_path / "elsewhere").mkdir()
    for variables, expected in cases:
        env = {"PYTHONPATH": str(project), **variables}
        with running(started, ready="^ready$", cwd=tmp_path / "elsewhere", env=env) as target:
            done = succeed(target.pid, "start-coverage", cwd=tmp_path)
            assert expected in done.stderr, str(done)
            assert reported_later(target, tmp_path)
    (tmp_path / "elsewhere" / "tox.ini").write_text("[coverage:run]\nsource = other\n")
    env = {"PYTHONPATH": str(project)}
    with running(started, ready="^ready$", cwd=tmp_path / "elsewhere", env=env) as target:
        assert "Using elsewhere/tox.ini: source=other\n" in succeed(target.pid, "start-coverage", cwd=tmp_path).stderr
    with running(started, ready="^ready$", cwd=project, env={"COVERAGE_RCFILE": "missing"}) as target:
        done = attach(target.pid, "start-coverage")
        assert_explained(done, 2, "[configuration-not-usable]", "missing", "--no-rcfile")
        assert "not attached" in succeed(target.pid, "status").stdout


def reported_later(target: Target, folder: Path) -> dict[str, Any]:
    """The report, as soon as there is one."""
    wait_until(lambda: attach(target.pid, "snapshot", cwd=folder).code == 0, "lines")
    return reported(target.pid, folder)


@on_interpreters("3.12")
def test_a_file_that_makes_no_sense(shop: Target, project: Path) -> None:
    """A broken configuration is told with the way around it, and nothing was started."""
    (project / "pyproject.toml").write_text("[tool.coverage.run]\nbranch = 1\n")
    done = attach(shop.pid, "start-coverage", cwd=project)
    assert_explained(done, 2, "[configuration-not-usable]", "branch", f"attach {shop.pid} start-coverage --no-rcfile")
    assert "not attached" in succeed(shop.pid, "status").stdout
    (project / "pyproject.toml").write_text('[tool.coverage.run]\nsource_dirs = ["missing"]\n')
    assert_explained(attach(shop.pid, "start-coverage", cwd=project), 2, "[configuration-not-usable]", "missing")
    (project / ".coveragerc").write_text("[run]\nbranches = yes\n")
    assert "Unrecognized option '[run] branches='" in succeed(shop.pid, "start-coverage", cwd=project).stderr


@on_interpreters("3.12")
def test_places_of_a_process_that_is_ours(shop: Target, project: Path, tmp_path: Path) -> None:
    """Where reports go is honoured for a process that could write there itself."""
    succeed(shop.pid, "start-coverage")
    recorded(shop)
    succeed(shop.pid, "snapshot", "--xml", cwd=tmp_path)
    assert (tmp_path / "from-project.xml").exists() and not (tmp_path / "coverage.xml").exists()


@on_interpreters("3.12")
def test_xml_equals_coverages_own(interpreter: Interpreter, project: Path) -> None:
    """The XML report names the file as `coverage xml` does in the project: below the source folder."""
    with running([interpreter.path, "-m", "shop"], ready="^ready$", cwd=project) as target:
        succeed(target.pid, "start-coverage")
        recorded(target)
        succeed(target.pid, "snapshot", "--xml=ours.xml", "--data=ours.data", cwd=project)
    command = [sys.executable, "-m", "coverage", "xml", "--data-file=ours.data", "-o", "theirs.xml"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    ours, theirs = ((project / name).read_text().splitlines() for name in ("ours.xml", "theirs.xml"))
    relevant = ("<source>", "<class ", "<line ")
    assert [line.strip() for line in ours if line.strip().startswith(relevant)] == [
        line.strip() for line in theirs if line.strip().startswith(relevant)
    ]


@pytest.fixture
def open_project() -> Iterator[Path]:
    """A project that every user can read."""
    with tempfile.TemporaryDirectory(prefix="live-attach-test-") as name:
        folder = make_project(Path(name))
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
        yield folder


@needs_root
@on_interpreters("3.12")
def test_a_hostile_file_gains_nothing(interpreter: Interpreter, open_project: Path, tmp_path: Path) -> None:
    """A process of another user cannot have root read or write for it what it may not itself."""
    secret = tmp_path / "secret"
    secret.write_text('[tool.coverage.run]\nsource = ["SECRET"]\n')
    secret.chmod(0o600)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    # what it needs of an interpreter that only root can read is loaded before
    nobody = "import ctypes, fcntl, os, re, resource, socket, zlib, shop.work\nos.setgroups([])\n"
    nobody += "os.setgid(65534)\nos.setuid(65534)\nshop.work.run()"
    config = open_project / "pyproject.toml"
    config.unlink()
    config.symlink_to(secret)
    with running([interpreter.path, "-c", nobody], ready="^ready$", cwd=open_project) as target:
        done = succeed(target.pid, "start-coverage")
        assert "SECRET" not in done.stderr and "Using" not in done.stderr
        succeed(target.pid, "detach")
        config.unlink()
        config.write_text(
            f'[tool.coverage.run]\ndata_file = "{victim}"\nsource = ["shop"]\n'
            f'[tool.coverage.html]\nextra_css = "{secret}"\n[tool.coverage.xml]\noutput = "{victim}"\n'
            f'[tool.coverage.paths]\nx = ["{tmp_path}", "{open_project}"]\n'
        )
        (tmp_path / "shop").mkdir(mode=0o700)
        (tmp_path / "shop" / "work.py").write_text("SECRET = 1\n")
        succeed(target.pid, "start-coverage")
        recorded(target)
        done = succeed(target.pid, "snapshot", "--data", "--xml", "--html", cwd=tmp_path)
        assert "[xml] output has no effect" in done.stderr and "extra_css has no effect" in done.stderr
        assert victim.read_text() == "precious"
        assert (tmp_path / "coverage.xml").exists() and (tmp_path / ".coverage").exists()
        pages = [page.read_text() for page in (tmp_path / "htmlcov").iterdir() if page.suffix in (".html", ".css")]
        assert pages and not any("SECRET" in page for page in pages)
