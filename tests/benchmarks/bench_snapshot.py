"""What a snapshot costs the target: 500 files, 200,000 lines.

    python tests/benchmarks/bench_snapshot.py [VERSION...] [--branch]

The longest gap that a thread sees which wants to run every millisecond: left alone as long, and during a snapshot, a
snapshot that forgets, the naming of a moment, a status after that, and a write of --every. Beside it a second thread
computes without a pause or not. Then the time of the steps, and to the HTML. Prints Markdown for docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for source_root in (ROOT, ROOT / "agent", ROOT / "cli"):
    sys.path.insert(0, str(source_root))

from attach import Scope, Session, attach  # noqa: E402
from attach.report import Wanted, write  # noqa: E402
from tests.support.interpreters import MINORS, find_interpreter  # noqa: E402

FILES, FUNCTIONS, LINES = 500, 20, 19  # and a line for each `def`
REPEAT = 5

TARGET = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
gaps = [0.0]
busy = False
def tick():
    last = time.perf_counter()
    while True:
        time.sleep(0.001)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now
def compute():
    while True:
        if busy:
            sum(range(100))
        else:
            time.sleep(0.01)
threading.Thread(target=tick, daemon=True).start()
threading.Thread(target=compute, daemon=True).start()
print("ready", flush=True)
for command in sys.stdin:
    command = command.strip()
    if command == "run":
        for number in range(int(sys.argv[2])):
            __import__("module%d" % number).run()
    elif command == "reset":
        gaps[:] = [0.0]
    elif command in ("busy", "idle"):
        busy = command == "busy"
    print(max(gaps), flush=True)
"""


def write_modules(folder: Path) -> None:
    """Modules of FUNCTIONS functions, all of whose lines run."""
    for number in range(FILES):
        functions = "".join(
            f"def f{at}(x):\n" + "    x = x + 1 if x else 1\n" * (LINES - 1) + "    return x\n"
            for at in range(FUNCTIONS)
        )
        calls = "".join(f"    f{at}(0)\n" for at in range(FUNCTIONS))
        (folder / f"module{number}.py").write_text(f"{functions}def run():\n{calls}")


class Program:
    """The target and its answers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def ask(self, question: str) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def gap_during(self, step: Callable[[], object]) -> tuple[float, float]:
        """The longest gap and the time of the step, in ms."""
        self.ask("reset")
        start = time.perf_counter()
        step()
        taken = time.perf_counter() - start
        time.sleep(0.01)
        return self.ask("max") * 1e3, taken * 1e3


@contextlib.contextmanager
def target(python: str, folder: Path) -> Iterator[Program]:
    command = [python, "-c", TARGET, str(folder), str(FILES)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield Program(process)
    finally:
        process.kill()
        process.wait()


def steps(session: Session, data: Path) -> dict[str, Callable[[], object]]:
    def saved() -> None:
        """One saver takes the place of another, which writes a last time."""
        session.coverage.start(every=1000, data_file=str(data))

    saved()
    return {
        "alone": lambda: time.sleep(0.3),
        "snapshot": session.coverage.snapshot,
        "reset": lambda: session.coverage.snapshot(reset=True),
        "name": lambda: session.coverage.snapshot(name="now"),
        "status": session.status,
        "write": saved,
    }


BRANCH = False


def measure(
    python: str, folder: Path, busy: bool, with_html: bool
) -> tuple[dict[str, list[tuple[float, float]]], float]:
    """For each step gaps and times in ms; and the seconds to the HTML."""
    found: dict[str, list[tuple[float, float]]] = {}
    with target(python, folder) as program, attach(program.pid, timeout=60) as session:
        program.ask("run")
        session.coverage.start(Scope(source=[str(folder)], branch=BRANCH))
        program.ask("busy" if busy else "idle")
        actions = steps(session, folder / "data.cov")
        for _ in range(REPEAT):
            for name, step in actions.items():
                program.ask("run")
                found.setdefault(name, []).append(program.gap_during(step))
        program.ask("idle")
        if busy or not with_html:
            return found, 0.0
        program.ask("run")
        start = time.perf_counter()
        measured = session.coverage.snapshot()
        assert not measured.arcs or measured.lines
        with tempfile.TemporaryDirectory() as place:
            write(measured, [Wanted("html", place)], out=io.StringIO())
        return found, time.perf_counter() - start


def shown(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def main() -> None:
    global BRANCH  # noqa: PLW0603
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*", help="as 3.12; all that are here by default")
    parser.add_argument("--branch", action="store_true")
    parser.add_argument("--html", action="store_true")
    arguments = parser.parse_args()
    BRANCH = arguments.branch
    pythons = {i.minor: str(i.path) for i in map(find_interpreter, arguments.versions or MINORS) if i}
    names = ("alone", "snapshot", "reset", "name", "status", "write")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_modules(folder)
        times: list[str] = []
        print("Longest stall of another thread, ms; median (min-max).\n")
        print(f"| target | beside | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}")
        for version, python in pythons.items():
            for busy in (False, True):
                found, html = measure(python, folder, busy, arguments.html)
                beside = f"{version} | {'a busy thread' if busy else 'nothing'}"
                gaps = " | ".join(shown([gap for gap, _ in found[step]]) for step in names)
                print(f"| {beside} | {gaps} |", flush=True)
                took = " | ".join(shown([taken for _, taken in found[step]]) for step in names[1:])
                times.append(f"| {beside} | {took} | {f'{html:.1f}' if html else '-'} |")
    print("\nTime of the step, ms, and to the HTML, s.\n")
    print(f"| target | beside | {' | '.join(names[1:])} | HTML |\n|---|---|{'---|' * len(names)}")
    print("\n".join(times))


if __name__ == "__main__":
    main()
