"""Large programs: the test suites that packages bring, run by pytest in a process that we attached to.

    python -m tests.corpus.suites [VERSION...] [--suites NAME...]

Each suite is measured by ``coverage run`` and by us, lines and branches. Prints Markdown, one row for each comparison;
the exit status is 1 if one of them differs.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.corpus.measuring import Found, Program, by_attach, by_coverage, differences
from tests.support.environments import environment
from tests.support.interpreters import MINORS, Interpreter, find_interpreter

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements-suites.txt"

#: Package -> pytest's arguments: of each what runs in seconds and comes out the same each time.
SUITES: dict[str, tuple[str, ...]] = {
    "mpmath": ("mpmath.tests.test_basic_ops", "mpmath.tests.test_linalg", "mpmath.tests.test_matrices"),
    "networkx": tuple(f"networkx.algorithms.{part}" for part in ("components", "operators", "shortest_paths", "tree")),
    "pyflakes": ("pyflakes.test",),
    "simplejson": ("simplejson.tests",),
    "tornado": tuple(
        f"tornado.test.{part}_test"
        for part in ("concurrent", "escape", "gen", "httputil", "locks", "queues", "routing", "template", "web")
    ),
}


def program(interpreter: Interpreter, suite: str) -> Program:
    """The suite as a program to measure."""
    python = environment(interpreter, REQUIREMENTS)
    return Program(interpreter, python, (HERE / "suite_driver.py", *SUITES[suite]), (f"*/site-packages/{suite}/*",))


def compare(interpreter: Interpreter, suite: str, folder: Path, *, branch: bool) -> tuple[Found, Found, list[str]]:
    """What coverage.py found, what we found, and how the two differ."""
    theirs = by_coverage(program(interpreter, suite), folder, branch=branch)
    ours = by_attach(program(interpreter, suite), folder, branch=branch)
    return theirs, ours, differences(theirs, ours)


def outcome(found: Found) -> str:
    """pytest's last line without its time: 7 passed, 1 skipped."""
    lines = re.findall(r"^=*\s*(\d+ (?:passed|failed|skipped|error).*?) in [\d.]+s", found.output, re.MULTILINE)
    return lines[-1] if lines else "did not end"


def main() -> int:
    """Compare and print; 0 if all is equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", help="as 3.12; all that are here by default")
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    arguments = parser.parse_args()
    status = 0
    print("| target | suite | measured | its tests | files | executed | differences | s |")
    print("|---|---|---|---|---|---|---|---|")
    for interpreter in filter(None, map(find_interpreter, arguments.versions or MINORS)):
        for suite in arguments.suites:
            for branch in (False, True):
                start = time.monotonic()
                with tempfile.TemporaryDirectory(prefix="live-attach-suite-") as folder:
                    theirs, ours, found = compare(interpreter, suite, Path(folder), branch=branch)
                executed = sum(map(len, ours.data.values()))
                status |= bool(found)
                print(
                    f"| {interpreter} | {suite} | {'branches' if branch else 'lines'} | {outcome(ours)} | "
                    f"{len(ours.data)} | {executed} | {len(found)} | {time.monotonic() - start:.0f} |",
                    flush=True,
                )
                if outcome(theirs) != outcome(ours):
                    print(f"under coverage: {outcome(theirs)}", file=sys.stderr)
                print(*found, sep="\n", file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
