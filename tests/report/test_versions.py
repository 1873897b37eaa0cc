"""Reports of a process of another Python equal those of that version's own coverage.py."""

from __future__ import annotations

import html as markup
import io
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import coverage as operators_coverage
import pytest
from coverage import CoverageData

from attach.report import Measured, Options, Wanted, write
from attach_agent.wire import arc, pack_arcs, pack_lines
from tests.agent.coverage.support import coverage_for
from tests.report.conftest import SHAPES, require_modules
from tests.support.interpreters import Interpreter

#: What Pythons and coverage.py's see in their own way: decorators, docstrings, `finally`, `with` of several, constants.
EVERYWHERE = '''\
from __future__ import annotations
import contextlib
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import decimal


def twice(function):
    return lambda *args: (
        function(*args),
        function(*args),
    )


class Protocol:
    """A docstring."""
    def stub(self): ...

    attribute: int = (
        3
    )


@twice
@twice
def leaves(value):
    for step in range(value):
        try:
            if step == 1:
                continue
            if step == 2:
                break
            if value == 9:
                return step
            if value == 8:
                return -step
        finally:
            value = value + 0
    else:
        return None
    while True:
        if value:
            break
    with contextlib.suppress(KeyError), \\
            contextlib.suppress(ValueError):
        if value > 3:
            raise KeyError
        return [
            x
            for x in range(3)
            if x
        ]
    while 1:
        return f"{value!r:>{3}} {'x'}"
    if 0:
        print("never")


async def waits(other):
    async with other as a:
        async for b in a:
            yield b
    assert (
        a
    ), "no"


def partly(value):
    if value:  # pragma: no branch
        value = 1
    if value: value = 2
    value = 1 if value else 2; print(end="")
    return (yield value) if value == 5 else \\
        None


def never():  # pragma: no cover
    return 1


leaves(4)
leaves(1)
list(partly(1))
'''
FROM_3_10 = SHAPES.partition("def matched")[2]
FROM_3_12 = """\
type Pair[T] = tuple[T, T]


def generic[T](first: T) -> T:
    match first:
        case 1 | 2:
            return first
        case _:
            pass
    return f"{first} {"nested" + f"{
        first
    }"}"


generic(1)
generic(3)
"""
FROM_3_14 = """\
def templates(value):
    try:
        return t"{value} and {value:>{3}}"
    except KeyError, ValueError:
        return None


templates(1)
"""
FROM_3_15 = """\
lazy import json
lazy from decimal import (
    Decimal,
)


def used(lazy=0):
    if lazy:
        return json.dumps(1)
    return Decimal


used()
"""


@pytest.fixture
def project(interpreter: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with what the interpreter's version has; its own Python is on PATH, as an operator may have it."""
    parts = {"everywhere": EVERYWHERE}
    for version, source in (((3, 12), FROM_3_12), ((3, 14), FROM_3_14), ((3, 15), FROM_3_15)):
        if interpreter.version >= version:
            parts[f"from_3_{version[1]}"] = source
    if interpreter.version >= (3, 10):
        parts["from_3_10"] = f"def matched{FROM_3_10}"
    for name, source in parts.items():
        (tmp_path / f"{name}.py").write_text(source)
    (tmp_path / "program.py").write_text("".join(f"import {name}\n" for name in parts))
    links = tmp_path / "bin"
    links.mkdir()
    (links / f"python{interpreter.minor}").symlink_to(interpreter.path)
    monkeypatch.setenv("PATH", f"{links}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def theirs(interpreter: Interpreter, *arguments: str) -> str:
    """Run the version's own coverage.py."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    environment |= {"PYTHONPATH": str(coverage_for(interpreter)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [interpreter.path, "-W", "ignore", "-m", "coverage", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def measured(interpreter: Interpreter, **other: Any) -> Measured:
    """What coverage.py has recorded, as a measurement of a process of that version."""
    data = CoverageData(".coverage")
    data.read()
    arcs = {path: pack_arcs({arc(*ends) for ends in data.arcs(path) or ()}) for path in data.measured_files()}
    python = tuple(map(int, re.findall(r"\d+", interpreter.release)[:3]))
    return Measured(
        pid=os.getpid(),
        python=(python[0], python[1], python[2]),
        lines={path: pack_lines(set(data.lines(path) or ())) for path in data.measured_files()},
        arcs=arcs if data.has_arcs() else None,
        root="/",
        cwd=os.getcwd(),
        taken_at=0,
        **other,
    )


@pytest.mark.parametrize("branch", [False, True], ids=["lines", "branches"])
def test_reports_equal_that_versions_own(interpreter: Interpreter, project: Path, branch: bool) -> None:
    """Text, JSON, XML, LCOV and HTML say what coverage.py says on the process's Python, not what it says on ours."""
    require_modules(interpreter.version)
    theirs(interpreter, "run", *(["--branch"] if branch else []), "program.py")
    text = theirs(interpreter, "report", "-m")
    for form in ("json", "xml", "lcov"):
        theirs(interpreter, form, "-o", f"theirs.{form}")
    theirs(interpreter, "html", "-d", "theirs.html")
    same = (coverage_for(interpreter) / f"coverage-{operators_coverage.__version__}.dist-info").exists()

    out = io.StringIO()
    formats = ("json", "xml", "lcov", "html")
    wanted = [Wanted("text"), *(Wanted(form, f"ours.{form}") for form in formats)]
    result = write(measured(interpreter), wanted, out=out, options=Options(show_missing=True))

    assert (result.notes, result.unreported) == ((), ())
    assert out.getvalue() == text
    for form, read in {"json": numbers, "xml": counts, "lcov": hits, "html": marks}.items():
        assert read(project / f"ours.{form}", same) == read(project / f"theirs.{form}", same), form


def numbers(path: Path, same: bool) -> Any:
    """A JSON report, without its time; of another release of coverage.py what both have."""
    report = json.loads(path.read_text())
    if same:
        del report["meta"]["timestamp"]
        return report
    # not those that ran: before 7.15 they are listed even if they are no statements
    kept = ("missing_lines", "excluded_lines", "executed_branches", "missing_branches")
    found = {name: {key: file.get(key, []) for key in kept} for name, file in report["files"].items()}
    for file in found.values():  # 7.6.1 lists steps within a line as branches
        file["executed_branches"] = [arc for arc in file["executed_branches"] if arc[0] != arc[1]]
    return found


def counts(path: Path, same: bool) -> Any:
    """The lines of an XML report with their hits and branches."""
    found = []
    for file in ElementTree.parse(path).iter("class"):
        found.append((file.get("filename"), file.get("line-rate"), file.get("branch-rate")))
        found += [tuple(line.items()) for line in file.iter("line")]
    return found


def hits(path: Path, same: bool) -> Any:
    """An LCOV report; of another release of coverage.py its lines, without checksums."""
    rows = path.read_text().splitlines()
    if same:
        return rows
    # 7.6.1 lists every line that ran, statement or not
    kept = [re.sub(r"^(DA:\d+,0),.*", r"\1", row) for row in rows if re.match(r"(SF|LF|LH|DA:\d+,0)\b", row)]
    return sorted(kept)


def marks(path: Path, same: bool) -> Any:
    """The pages of an HTML report without their time; of another release what each line is, and why."""
    pages = {page.name: page.read_text(encoding="utf-8") for page in path.iterdir() if page.suffix == ".html"}
    if same:
        return {name: re.sub(r"created at [^<]*", "", page) for name, page in pages.items()}
    return {name: list(_lines(page)) for name, page in pages.items() if not name.endswith("index.html")}


def _lines(page: str) -> Iterator[tuple[str, ...]]:
    for line in re.findall(r'<p class="([a-z_2 ]*)">(.*?)</p>', page, re.DOTALL):
        # what belongs to a statement of several lines has a class of its own in later releases
        kinds = {kind for kind in line[0].split() if kind in ("run", "mis", "exc", "par")} if "2" not in line[0] else ()
        number = re.search(r'id="t(\d+)"', line[1])
        source = re.search(r'<span class="t">(.*?)&nbsp;</span>', line[1])
        if number and source:
            shown = markup.unescape(re.sub(r"<[^>]*>", "", source[1]))
            why = re.search(r'<span class="annotate long">(.*?)</span>', line[1])
            yield number[1], " ".join(sorted(kinds)), shown, why[1] if why else ""
