"""Files that coverage.py's plug-ins measure, Django's templates first of all."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_programs import answering, free_port
from tests.support.command import attach, succeed
from tests.support.environments import PROGRAMMED, PROGRAMS, environment
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Target, http_get, running, wait_until

PAGES = ("page", "late", "page")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A Django project whose configuration names the plug-in."""
    folder = tmp_path / "site"
    shutil.copytree(TARGETS / "django_site", folder)
    (folder / ".coveragerc").write_text("[run]\nplugins = django_coverage_plugin\nsource = .\nsigterm = True\n")
    return folder


@contextmanager
def served(python: Path, site: Path, *before: str) -> Iterator[Target]:
    """Django's own server, once it answers."""
    port = free_port()
    command = [python, *before, site / "site_.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    # coverage.py's default core of 3.14 has no plug-ins
    with running(command, cwd=site, env={"COVERAGE_CORE": "ctrace"}) as target:
        target.port = port
        answering(target, port)
        yield target


def templates(report: Path) -> dict[str, Any]:
    """Of a JSON report what is about templates: lines that ran, that did not, and branches, totals."""
    files = json.loads(report.read_text())["files"]
    return {Path(name).name: {**file, "contexts": None} for name, file in files.items() if name.endswith(".html")}


def coverage(python: Path, site: Path, *arguments: str) -> None:
    subprocess.run([python, "-m", "coverage", *arguments], cwd=site, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("interpreter", "branch"), [("3.11", True), ("3.14", False)], indirect=["interpreter"], scope="session"
)
def test_django_templates_equal_coverages_own(interpreter: Interpreter, branch: bool, site: Path) -> None:
    """Lines of templates are those that coverage.py itself reports of the same requests, with branches or without."""
    with (site / ".coveragerc").open("a") as config:
        config.write(f"branch = {branch}\n")
    python = environment(interpreter, PROGRAMS)
    with served(python, site, "-m", "coverage", "run", "--data-file=theirs") as target:
        for page in PAGES:
            assert http_get(target.port, f"/{page}").status == 200
        os.kill(target.pid, signal.SIGTERM)
        target.wait_for_end()
    coverage(python, site, "json", "--data-file=theirs", "-o", "theirs.json")
    with served(python, site) as target:
        http_get(target.port, "/page")  # before the attach: Django keeps what it has parsed
        done = succeed(target.pid, "start-coverage", cwd=site)
        assert "Imported the plug-in django_coverage_plugin in the process, and coverage.py with it" in done.stderr
        for page in PAGES:
            assert http_get(target.port, f"/{page}").status == 200
        succeed(target.pid, "snapshot", "--json=ours.json", "--data=ours", "--html", "--xml", cwd=site)
        succeed(target.pid, "detach")
        assert http_get(target.port, "/page").status == 200
    expected = templates(site / "theirs.json")
    assert set(expected) == {"base.html", "page.html", "late.html"}
    assert all(file["executed_lines"] for file in expected.values())
    assert templates(site / "ours.json") == expected
    (page_of_page,) = (site / "htmlcov").glob("*page_html.html")
    assert "{% for item in items %}" in page_of_page.read_text()
    # and the data file is one that coverage.py, with the plug-in, reports on
    coverage(python, site, "json", "--data-file=ours", "-o", "again.json")
    assert templates(site / "again.json") == expected


@on_interpreters("3.11")
def test_templates_that_cannot_be_measured(interpreter: Interpreter, site: Path) -> None:
    """When Django's settings do not let templates be measured, the snapshot says what is missing."""
    program = site / "site_.py"
    program.write_text(program.read_text().replace('"debug": True', '"debug": False'))
    with served(environment(interpreter, PROGRAMS), site) as target:
        succeed(target.pid, "start-coverage", cwd=site)
        http_get(target.port, "/page")
        done = succeed(target.pid, "snapshot", cwd=site)
        assert "site_.py" in done.stdout and ".html" not in done.stdout
        assert "The plug-in django_coverage_plugin has no effect: " in done.stderr
        assert "Template debugging must be enabled" in done.stderr


@on_interpreters("3.14")
def test_without_the_plugin_the_core_stays(interpreter: Interpreter, site: Path) -> None:
    """Nothing is imported, and sys.monitoring measures, unless a file tracer is asked for."""
    (site / ".coveragerc").write_text("[run]\nsource = .\n")
    with served(environment(interpreter, PROGRAMS), site) as target:
        done = succeed(target.pid, "start-coverage", cwd=site)
        assert "monitoring" in done.stderr and "plug-in" not in done.stderr


#: A language whose files are lists of words, its interpreter, and its plug-in.
INTERPRETER = """\
def run(path, line, word):
    if word == "slow":
        for _ in range(10):
            pass
    return len(word)
"""
PLUGIN = """\
import os
import time
import coverage


class Words(coverage.CoveragePlugin, coverage.FileTracer):
    def __init__(self, options):
        self.options = options

    def file_tracer(self, filename):
        return self if filename.endswith("/words.py") else None

    def has_dynamic_source_filename(self):
        return True

    def dynamic_source_filename(self, filename, frame):
        if os.path.exists("slow-name"):
            open("slowing", "w").close()
            time.sleep(3)
        if os.path.exists("fail-name"):
            raise ValueError("no name")
        return frame.f_locals["path"]

    def line_number_range(self, frame):
        if os.path.exists("slow-line"):
            open("slowing", "w").close()
            time.sleep(3)
        line = frame.f_locals["line"]
        return line, line

    def file_reporter(self, filename):
        return Reporter(filename, self.options)


class Reporter(coverage.FileReporter):
    def __init__(self, filename, options):
        super().__init__(filename)
        self.options = options

    def lines(self):
        if os.path.exists("fail-lines"):
            raise ValueError("no lines")
        if os.path.exists("hang-lines"):
            time.sleep(30)
        return set(range(1, len(self.source().splitlines()) + 1)) - self.excluded_lines()

    def excluded_lines(self):
        lines = enumerate(self.source().splitlines(), 1)
        return {number for number, word in lines if word == self.options.get("ignored")}


class Configurer(coverage.CoveragePlugin):
    def configure(self, config):
        raise AssertionError


def coverage_init(reg, options):
    if options.get("kind") == "configurer":
        reg.add_configurer(Configurer())
    else:
        reg.add_file_tracer(Words(options))
"""
MAIN = """\
import atexit
import os
import signal
import sys
import time

import words


def on_signal(number, frame):
    raise SystemExit(7)


signal.signal(signal.SIGUSR1, on_signal)
text = os.path.join(os.getcwd(), "text.words")
print("ready", flush=True)
try:
    while True:
        for line, word in enumerate(open(text).read().split(), 1):
            if line != 2:
                words.run(text, line, word)
        print("round", flush=True)
        time.sleep(0.01)
finally:
    print("finally", flush=True)
"""


@pytest.fixture
def language(tmp_path: Path) -> Path:
    """A program that runs a file of a language of its own, of which line 2 never runs."""
    files = {"main.py": MAIN, "words.py": INTERPRETER, "words_plugin.py": PLUGIN, "text.words": "one\ntwo\nthree\n"}
    files[".coveragerc"] = "[run]\nplugins = words_plugin\n[words_plugin]\nignored = three\n"
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@contextmanager
def speaking(interpreter: Interpreter, language: Path) -> Iterator[Target]:
    python = environment(interpreter, PROGRAMS)
    with running([python, "main.py"], ready="^ready$", cwd=language) as target:
        yield target


def words_of(pid: int, folder: Path) -> dict[str, Any] | None:
    """What a snapshot says about the file of that language, if it is there."""
    done = attach(pid, "snapshot", "--json=report.json", cwd=folder)
    if done.code:
        return None
    file = json.loads((folder / "report.json").read_text())["files"].get("text.words")
    assert file is None or isinstance(file, dict)
    return file


@on_interpreters(*PROGRAMMED)
def test_a_plugin_with_options(interpreter: Interpreter, language: Path) -> None:
    """A plug-in gets its section of the configuration; its lines and exclusions are reported, and omit leaves out."""
    with speaking(interpreter, language) as target:
        succeed(target.pid, "start-coverage", cwd=language)
        file = wait_until(lambda: words_of(target.pid, language), "the file")
        assert (file["executed_lines"], file["missing_lines"], file["excluded_lines"]) == ([1], [2], [3])
        succeed(target.pid, "stop-coverage", "--discard")
        succeed(target.pid, "start-coverage", "--omit=*.words", cwd=language)
        wait_until(lambda: attach(target.pid, "snapshot", cwd=language).code == 0, "lines")
        assert words_of(target.pid, language) is None


@on_interpreters("3.11")
def test_a_plugin_that_fails(interpreter: Interpreter, language: Path) -> None:
    """A plug-in that fails measures no more, which is told; the program and the other files are as before."""
    with speaking(interpreter, language) as target:
        succeed(target.pid, "start-coverage", cwd=language)
        wait_until(lambda: words_of(target.pid, language), "the file")
        (language / "fail-lines").touch()
        done = attach(target.pid, "snapshot", cwd=language)
        assert done.code == 0 and "main.py" in done.stdout
        assert "Not shown: text.words: ValueError: no lines" in done.stderr.replace(f"{language}/", "")
        (language / "fail-lines").rename(language / "fail-name")
        wait_until(lambda: "ValueError: no name" in succeed(target.pid, "status").stdout, "the failure")
        assert words_of(target.pid, language)
        assert target.is_running() and not target.stderr


@on_interpreters("3.11")
def test_a_plugin_that_hangs(interpreter: Interpreter, language: Path) -> None:
    """A plug-in that does not answer for a report costs its own files, and no more than the time limit."""
    with speaking(interpreter, language) as target:
        succeed(target.pid, "start-coverage", cwd=language)
        wait_until(lambda: words_of(target.pid, language), "the file")
        (language / "hang-lines").touch()
        done = succeed("--timeout", "2", target.pid, "snapshot", cwd=language)
        assert "main.py" in done.stdout and "does not answer" in done.stderr


@on_interpreters("3.8", *PROGRAMMED)
@pytest.mark.parametrize("where", ["slow-name", "slow-line"])
def test_signals_in_a_plugin(interpreter: Interpreter, language: Path, where: str) -> None:
    """What a signal handler raises while a plug-in runs comes out in the program: nothing is swallowed or skipped."""
    with speaking(interpreter, language) as target:
        succeed(target.pid, "start-coverage", cwd=language)
        wait_until(lambda: words_of(target.pid, language), "the file")
        (language / where).touch()
        wait_until((language / "slowing").exists, "the plug-in to run")
        os.kill(target.pid, signal.SIGUSR1)
        assert target.wait_for_end() == 7
        assert "finally" in target.stdout and not target.stderr


@pytest.mark.parametrize(
    ("interpreter", "where"), [("3.11", "slow-line"), ("3.14", "slow-name")], indirect=["interpreter"], scope="session"
)
def test_leaving_while_a_plugin_runs(interpreter: Interpreter, language: Path, where: str) -> None:
    """A detach while a thread is inside a plug-in, over and over, does the program no harm."""
    with speaking(interpreter, language) as target:
        for _ in range(2):
            (language / "slowing").unlink(missing_ok=True)
            succeed(target.pid, "start-coverage", cwd=language)
            (language / where).touch()
            wait_until((language / "slowing").exists, "the plug-in to run")
            succeed(target.pid, "detach")
            (language / where).unlink()
        seen = target.stdout.count("round")
        wait_until(lambda: target.stdout.count("round") > seen + 10, "the program to go on")
        assert not target.stderr


@on_interpreters("3.11")
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("plugins = missing_plugin", "The plug-in missing_plugin has no effect: the process cannot import it."),
        ("plugins = words_plugin\n[words_plugin]\nkind = configurer", "it configures coverage.py, which has no effect"),
        ("plugins = words", "The plug-in words has no effect: AttributeError"),
    ],
)
def test_plugins_without_effect(interpreter: Interpreter, language: Path, settings: str, told: str) -> None:
    """A plug-in that is missing, of another kind, or none, is told, and the rest is measured."""
    (language / ".coveragerc").write_text(f"[run]\n{settings}\n")
    with speaking(interpreter, language) as target:
        done = succeed(target.pid, "start-coverage", cwd=language)
        assert told in done.stderr, str(done)
        wait_until(lambda: attach(target.pid, "snapshot", cwd=language).code == 0, "lines")
