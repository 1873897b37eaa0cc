"""What a report of a large project costs: HTML of 2,000 files, beside coverage.py's own command.

    python tests/benchmarks/bench_reports.py [FILES]

The sources are those of this Python's standard library, again and again under other names; every second statement ran.
Ours and theirs take turns, theirs twice in a row, for the noise; the better of two. Prints Markdown for
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for source_root in (ROOT, ROOT / "agent", ROOT / "cli"):
    sys.path.insert(0, str(source_root))

from coverage import Coverage, CoverageData  # noqa: E402

FILES = 2000
REPEAT = 2
DATA = "ran.cov"
#: What `snapshot` does when it has the lines, in a process of its own.
OURS = """
import io, sys
from attach.report import Measured, Wanted, write
from attach_agent.wire import pack_lines
from coverage import CoverageData
data = CoverageData("ran.cov")
data.read()
lines = {path: pack_lines(set(data.lines(path))) for path in data.measured_files()}
measured = Measured(pid=1, python=tuple(map(int, sys.argv[1].split("."))), lines=lines, root="/", cwd="/", taken_at=0)
result = write(measured, [Wanted(form, place) for form, place in map(lambda w: w.split("="), sys.argv[2:])],
               out=io.StringIO())
assert not result.notes, result.notes
"""


def sources() -> Iterator[str]:
    """Modules of the standard library that are neither tiny nor huge, without end."""
    library = Path(sysconfig.get_path("stdlib"))
    found = []
    for path in sorted(library.rglob("*.py")):
        if "site-packages" not in path.parts and 2_000 < path.stat().st_size < 14_000:
            text = path.read_text(encoding="utf-8", errors="replace")
            try:
                compile(text, str(path), "exec")
            except (SyntaxError, ValueError):
                continue
            found.append(text)
    while True:
        yield from found


def make_project(folder: Path, files: int) -> int:
    """Write the sources and what ran of them; returns the number of lines."""
    lines: dict[str, set[int]] = {}
    total = 0
    for number, text in zip(range(files), sources(), strict=False):
        path = folder / f"part{number % 40:02}" / f"module{number:04}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        total += text.count("\n")
    analysis = Coverage(data_file=None)
    for path in sorted(folder.glob("*/*.py")):
        _, statements, _, _, _ = analysis.analysis2(str(path))
        lines[str(path)] = set(statements[::2])
    data = CoverageData(str(folder / DATA))
    data.add_lines(lines)
    data.write()
    return total


def seconds(folder: Path, *command: str) -> tuple[float, float]:
    """How long it takes, and how much processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=folder, check=True, capture_output=True)
    taken = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="?", type=int, default=FILES)
    files = parser.parse_args().files
    version = ".".join(map(str, sys.version_info[:3]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = make_project(folder, files)
        print(f"HTML of {files} files, {lines} lines; operator CPython {version}; s (processor time).\n", flush=True)
        print("| `coverage html` | the same again | `snapshot --html` | ratio |\n|---|---|---|---|")
        ours, theirs, again = [], [], []
        for turn in range(REPEAT):
            theirs.append(seconds(folder, "-m", "coverage", "html", f"--data-file={DATA}", "-d", f"theirs{turn}"))
            again.append(seconds(folder, "-m", "coverage", "html", f"--data-file={DATA}", "-d", f"again{turn}"))
            ours.append(seconds(folder, "-c", OURS, version, f"html=ours{turn}"))
        best = [min(times) for times in (theirs, again, ours)]
        shown = " | ".join(f"{wall:.1f} ({processor:.1f})" for wall, processor in best)
        print(f"| {shown} | {best[2][0] / best[0][0]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
