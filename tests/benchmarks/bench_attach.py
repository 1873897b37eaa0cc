"""What attaching costs: the operator in time, the target in stalls and throughput.

    python tests/benchmarks/bench_attach.py [VERSION...]

Every figure is taken beside its yardstick in the same run: stalls beside those of the same target left alone,
throughput beside that before the attach, the whole command beside pyrasite injecting one line (if pyrasite and gdb are
there). Prints Markdown for docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for source_root in (ROOT, ROOT / "agent", ROOT / "cli"):
    sys.path.insert(0, str(source_root))

from attach import Session, attach  # noqa: E402
from tests.support.interpreters import MINORS, find_interpreter  # noqa: E402

TARGETS = HERE.parent / "targets"
REPEAT = 7
#: As for a user: compiled modules are kept from one command to the next, whatever the shell of a developer says.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["PYTHONPATH"] = os.pathsep.join(str(p) for p in (ROOT, ROOT / "agent", ROOT / "cli"))


@contextmanager
def target(python: str, program: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [python, str(TARGETS / program), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()


def milliseconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3


def command(pid: int, *args: str) -> None:
    subprocess.run([sys.executable, "-m", "attach", str(pid), *args], check=True, env=ENVIRONMENT, capture_output=True)


def whole_command(python: str) -> tuple[list[float], list[float]]:
    """(attach PID start-coverage, pyrasite PID one-line) as whole processes, taken in turns, in ms.

    pyrasite's exit code says nothing: a run counts when the line has left its mark.
    """
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        line, mark = Path(folder, "line.py"), Path(folder, "mark")
        line.write_text(f"open({str(mark)!r}, 'w').close()\n")
        with target(python, "ticking.py") as process:
            command(process.pid, "start-coverage")  # compiles what is not compiled yet
        for _ in range(REPEAT):
            with target(python, "ticking.py") as process:
                ours.append(milliseconds(lambda pid=process.pid: command(pid, "start-coverage")))
            if not (shutil.which("gdb") and importlib.util.find_spec("pyrasite")):
                continue
            with target(python, "ticking.py") as process:
                pyrasite = [sys.executable, "-c", "from pyrasite.main import main; main()", str(process.pid), str(line)]
                time_taken = milliseconds(
                    lambda argv=pyrasite: subprocess.run(argv, capture_output=True, check=False, env=ENVIRONMENT)
                )
                if mark.exists():
                    theirs.append(time_taken)
                    mark.unlink()
    return ours, theirs


def first_answer(python: str) -> list[float]:
    """From the call of attach() to the first answered call, in ms."""
    times = []
    for _ in range(REPEAT):
        with target(python, "ticking.py") as process:
            start = time.perf_counter()
            with attach(process.pid) as session:
                session.status()
                times.append((time.perf_counter() - start) * 1e3)
                session.detach()
    return times


STEPS: tuple[tuple[str, Callable[[Session], object]], ...] = (
    ("start", lambda s: s.coverage.start()),
    ("snapshot", lambda s: s.coverage.snapshot()),
    ("detach", lambda s: s.detach()),
)


def stalls(python: str) -> dict[str, list[float]]:
    """The longest gap of a thread that ticks every ms, alone and during each step, in ms."""
    found: dict[str, list[float]] = {}
    for _ in range(REPEAT):
        with target(python, "ticking.py") as process:
            assert process.stdin is not None
            assert process.stdout is not None

            def ask(question: str) -> str:
                process.stdin.write(question + "\n")
                process.stdin.flush()
                return process.stdout.readline()

            def gap_during(step: Callable[[], object]) -> float:
                ask("reset")
                step()
                time.sleep(0.02)
                return float(ask("max")) * 1e3

            time.sleep(0.2)
            found.setdefault("alone", []).append(gap_during(lambda: time.sleep(0.1)))
            sessions: list[Session] = []
            found.setdefault("attach", []).append(
                gap_during(lambda: sessions.append(attach(process.pid)))  # noqa: B023
            )
            for name, step in STEPS:
                found.setdefault(name, []).append(gap_during(lambda: step(sessions[0])))  # noqa: B023
    return found


ROUNDS = 5
WINDOW = 0.4  # seconds


def throughput(python: str) -> dict[str, list[float]]:
    """Work per second of a busy loop as ratios to just before: the same again, while measured, and after detach.

    Each round takes its four windows within two seconds, since the speed of a shared machine drifts.
    """
    found: dict[str, list[float]] = {"again": [], "measuring": [], "after": []}
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(4096))
        file.flush()
        with target(python, "counting.py", file.name, "alone") as process:
            time.sleep(0.3)
            for _ in range(ROUNDS):
                before = _rate(file.fileno(), process.pid)
                found["again"].append(_rate(file.fileno(), process.pid) / before)
                with attach(process.pid) as session:
                    session.coverage.start()
                    time.sleep(0.1)  # each line costs once, before it is free on 3.12 and later
                    found["measuring"].append(_rate(file.fileno(), process.pid) / before)
                    session.detach()
                found["after"].append(_rate(file.fileno(), process.pid) / before)
    return found


def _rate(fd: int, pid: int) -> float:
    """Work per second that the main thread has a processor: what else the machine does is left out."""

    def state() -> tuple[int, int]:
        # the first field: nanoseconds on a processor (Documentation/scheduler/sched-stats.rst)
        on_cpu = int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])
        return struct.unpack("Q", os.pread(fd, 8, 0))[0], on_cpu

    count, on_cpu = state()
    time.sleep(WINDOW)
    count_after, on_cpu_after = state()
    return (count_after - count) * 1e9 / (on_cpu_after - on_cpu)


def shown(times: list[float]) -> str:
    return f"{statistics.median(times):.1f} ({min(times):.1f}-{max(times):.1f})" if times else "never worked"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*", help="as 3.12; all that are here by default")
    wanted = parser.parse_args().versions
    found = {i.minor: str(i.path) for i in map(find_interpreter, wanted or MINORS) if i}
    print(f"Operator: CPython {sys.version.split()[0]}; median (min-max) of {REPEAT}; ms.\n")
    print("| target | start-coverage, whole command | pyrasite, one line | ratio | first answered call |")
    print("|---|---|---|---|---|")
    for version, python in found.items():
        ours, theirs = whole_command(python)
        ratio = f"{statistics.median(theirs) / statistics.median(ours):.1f}" if theirs else "-"
        print(f"| {version} | {shown(ours)} | {shown(theirs)} | {ratio} | {shown(first_answer(python))} |", flush=True)
    print("\nLongest stall of another thread, ms:\n")
    print("| target | left alone | attach | start | snapshot | detach |\n|---|---|---|---|---|---|")
    for version, python in found.items():
        gaps = stalls(python)
        steps = ("alone", "attach", "start", "snapshot", "detach")
        print(f"| {version} | " + " | ".join(shown(gaps[name]) for name in steps) + " |", flush=True)
    print("\nThroughput of a busy program, relative to before the attach:\n")
    print("| target | the same again | measuring | after detach |\n|---|---|---|---|")
    for version, python in found.items():
        ratios = throughput(python)
        cells = (f"{statistics.median(r):.3f} ({min(r):.3f}-{max(r):.3f})" for r in ratios.values())
        print(f"| {version} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
