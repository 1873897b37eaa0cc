"""What measuring costs a program, beside coverage.py and slipcover, and what is left of that after the end.

    python tests/benchmarks/bench_coverage.py [VERSION...] [--work templates text wsgi] [--rounds N] [--turn SECONDS]

For each version and workload (workloads.py) there is one process for each tool, and two without any. All live at the
same time and work in turns, so that what else the machine does, or how fast it runs, meets all alike; only time on a
processor counts. Before any tool is started each process has worked too: its figure is the median of

    (its time / time of the first process without a tool) while measuring : the same before

so 1.00 is no cost. The second process without a tool, divided likewise, shows the noise. slipcover changes the code
when it is loaded, so there is no before. Prints Markdown for docs/benchmarks.md; less than 10 minutes for everything.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for source_root in (ROOT, ROOT / "agent", ROOT / "cli"):
    sys.path.insert(0, str(source_root))

from attach import Scope, Session, attach  # noqa: E402
from tests.agent.coverage.support import coverage_for  # noqa: E402
from tests.support.environments import EnvironmentFailed, environment  # noqa: E402
from tests.support.interpreters import MINORS, Interpreter, find_interpreter  # noqa: E402

WORK = ("templates", "text", "wsgi")
WARM_TURNS = 3

#: Tools: column, what runs, first version, and the first version that it is not for.
LINES = (
    ("live-attach", "attach lines auto", (3, 8), (3, 99)),
    ("live-attach, ctracer", "attach lines ctracer", (3, 12), (3, 99)),
    ("coverage.py, ctrace", "coverage lines ctrace", (3, 8), (3, 99)),
    ("coverage.py, sysmon", "coverage lines sysmon", (3, 12), (3, 99)),
    ("slipcover", "slipcover lines", (3, 8), (3, 15)),
)
BRANCHES = (
    ("live-attach", "attach branches auto", (3, 8), (3, 99)),
    ("coverage.py, ctrace", "coverage branches ctrace", (3, 8), (3, 99)),
    ("coverage.py, sysmon", "coverage branches sysmon", (3, 14), (3, 99)),
    ("slipcover", "slipcover branches", (3, 8), (3, 15)),
)


@dataclass
class Worker:
    """A process that works when it is asked; `tool` is what measures it, if anything."""

    tool: str
    process: subprocess.Popen[str]
    before: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    session: Session | None = None

    def ask(self, question: object) -> object:
        """Its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        answer: object = json.loads(self.process.stdout.readline())
        return answer

    def work(self, turns: int) -> float:
        """Nanoseconds on a processor."""
        taken = self.ask(turns)
        assert isinstance(taken, int)
        return float(taken)

    def start(self, files: list[str]) -> None:
        """Start its tool; slipcover was there from the beginning."""
        kind, *words = self.tool.split()
        if kind == "coverage":
            self.ask(f"coverage {words[0]}")
        elif kind == "attach":
            self.session = attach(self.process.pid)
            self.session.coverage.start(Scope(include=files, branch=words[0] == "branches", core=words[1]))

    def stop(self) -> None:
        """Stop its tool, and leave the process."""
        if self.session is not None:
            self.session.coverage.stop(discard=True)
            self.session.detach()
        elif self.tool.startswith("coverage"):
            self.ask("stop")


@contextlib.contextmanager
def workers(interpreter: Interpreter, work: str, tools: list[str]) -> Iterator[list[Worker]]:
    """A process for each of the tools."""
    made: list[Worker] = []
    try:
        for tool in tools:
            made.append(Worker(tool, _process(interpreter, work, tool)))
        for worker in made:
            assert worker.process.stdout is not None
            while worker.process.stdout.readline() not in ("ready\n", ""):
                pass
        yield made
    finally:
        for worker in made:
            worker.process.kill()
            worker.process.communicate()


def _process(interpreter: Interpreter, work: str, tool: str) -> subprocess.Popen[str]:
    kind, *words = [*tool.split(), "", ""]
    command = [str(_python(interpreter, "slipcover" if kind == "slipcover" else "coverage")), "-W", "ignore"]
    if kind == "slipcover":
        command += ["-m", "slipcover", "--json", "--out", os.devnull, "--source", ",".join(_sources(interpreter, work))]
        command += ["--branch"] if words[0] == "branches" else []
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    env |= {"PYTHONPATH": str(coverage_for(interpreter)), "PYTHONHASHSEED": "0"}
    if kind == "coverage":
        env["COVERAGE_CORE"] = words[1]
    return subprocess.Popen(
        [*command, str(HERE / "workloads.py"), work],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    )


@functools.cache
def _python(interpreter: Interpreter, kind: str) -> Path:
    return environment(interpreter, HERE / f"requirements-{kind}.txt")


def _sources(interpreter: Interpreter, work: str) -> list[str]:
    """The folders of the files that work, as slipcover wants them."""
    with workers(interpreter, work, ["none"]) as (worker,):
        files = worker.ask("files")
    assert isinstance(files, list)
    return [os.path.dirname(name) for name in files if os.path.isdir(os.path.dirname(name))]


def measured(interpreter: Interpreter, work: str, tools: list[str], rounds: int, turn: float) -> list[Worker]:
    """All processes, the two without a tool first, with their times before, during and after."""
    with workers(interpreter, work, ["none", "none", *tools]) as all_of_them:
        plain = all_of_them[0]
        for worker in all_of_them:
            worker.work(WARM_TURNS)
        turns = max(1, round(turn * 1e9 / min(plain.work(1) for _ in range(5))))
        _take(all_of_them, rounds, turns, lambda worker: worker.before)
        files = plain.ask("files")
        assert isinstance(files, list)
        for worker in all_of_them:
            worker.start(files)
            worker.work(WARM_TURNS)
        _take(all_of_them, rounds, turns, lambda worker: worker.during)
        for worker in all_of_them:
            worker.stop()
            worker.work(1)
        _take(all_of_them, rounds, turns, lambda worker: worker.after)
        return all_of_them


def _take(them: list[Worker], rounds: int, turns: int, where: Callable[[Worker], list[float]]) -> None:
    """Let them work in turns; what is appended is relative to the first of them, in the same round."""
    for _ in range(rounds):
        first = them[0].work(turns)
        where(them[0]).append(1.0)
        for worker in them[1:]:
            where(worker).append(worker.work(turns) / first)


def shown(worker: Worker | None, times: str = "during") -> str:
    """Median (lowest-highest) of the ratio to no measuring."""
    if worker is None:
        return "-"
    base = 1.0 if worker.tool.startswith("slipcover") else statistics.median(worker.before)
    ratios = [time / base for time in getattr(worker, times)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def table(title: str, tools: tuple[tuple[str, str, tuple[int, int], tuple[int, int]], ...], args: Arguments) -> None:
    """Measure and print one table."""
    print(f"\n{title}\n")
    print("| target | work | nothing (noise) | " + " | ".join(name for name, *_ in tools) + " | live-attach, stopped |")
    print("|---" * (len(tools) + 4) + "|")
    for interpreter in args.interpreters:
        wanted = [tool for _, tool, first, end in tools if first <= interpreter.version < end]
        for name in {tool.split()[0] for tool in wanted} & {"slipcover"}:
            try:
                _python(interpreter, name)
            except EnvironmentFailed:
                wanted = [tool for tool in wanted if not tool.startswith(name)]
        for work in args.work:
            _, noise, *others = measured(interpreter, work, wanted, args.rounds, args.turn)
            by_tool = {worker.tool: worker for worker in others}
            cells = [shown(noise), *(shown(by_tool.get(tool)) for _, tool, *_ in tools)]
            cells.append(shown(by_tool.get(tools[0][1]), "after"))
            print(f"| {interpreter} | {work} | " + " | ".join(cells) + " |", flush=True)


@dataclass(frozen=True)
class Arguments:
    """What to measure, and how long."""

    interpreters: list[Interpreter]
    work: list[str]
    rounds: int
    turn: float


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", help="as 3.12; all that are here by default")
    parser.add_argument("--work", nargs="+", choices=WORK, default=list(WORK))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turn", type=float, default=0.06, help="seconds of work without a tool, in each round")
    given = parser.parse_args()
    found = [i for i in map(find_interpreter, given.versions or MINORS) if i]
    args = Arguments(found, given.work, given.rounds, given.turn)
    start = time.monotonic()
    print(f"Time with a tool as a ratio to none: median (lowest-highest) of {args.rounds} rounds of {args.turn:g} s.")
    table("Lines:", LINES, args)
    table("Lines and branches:", BRANCHES, args)
    print(f"\n{time.monotonic() - start:.0f} s.", file=sys.stderr)


if __name__ == "__main__":
    main()
