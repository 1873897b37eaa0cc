"""What an armed breakpoint costs, beside pdb, debugpy and ``python -m pdb -p``, and how fast the debugger is.

    python tests/benchmarks/bench_debug.py [VERSION...] [--rounds N] [--turn SECONDS] [--stops N]

For each version there is one process (debugged.py) for each tool and place of the breakpoint, and two without any. All
live at the same time and work in turns, so that what else the machine does meets all alike; only time on a processor
counts. Before any breakpoint is set each has worked too: its figure is the median of

    (its time / time of the first process without a tool) with the breakpoint : the same before

so 1.00 is no cost. The second process without a tool, divided likewise, shows the noise. The breakpoint is armed all
the time and never reached: in a function of the same file that does not run, or on a line of the function that does.

The times of the second table are wall-clock time, by one clock that operator and target share (CLOCK_MONOTONIC).
Prints Markdown for docs/benchmarks.md; about five minutes for everything.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for source_root in (ROOT, ROOT / "agent", ROOT / "cli", HERE):
    sys.path.insert(0, str(source_root))

from dap import Client  # noqa: E402

from tests.support.environments import EnvironmentFailed, environment  # noqa: E402
from tests.support.interpreters import MINORS, Interpreter, find_interpreter  # noqa: E402

DEBUGGED = HERE / "debugged.py"
DEBUGPY = HERE / "requirements-debugpy.txt"
WARM_TURNS = 20
PLACES = ("elsewhere", "own")
#: Tool, and the first version that it is for.
TOOLS = (("live-attach", (9, 8)), ("pdb", (3, 8)), ("debugpy", (3, 8)), ("pdb -p", (3, 14)))


@dataclass
class Worker:
    """A process that works when it is asked, perhaps with a breakpoint of `tool` at the line marked `place`."""

    tool: str
    place: str
    process: subprocess.Popen[str]
    before: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    leave: Callable[[], object] = lambda: None
    #: the part of the others' work that is enough for one that became so slow
    share: float = 1.0

    def say(self, question: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ask(self, question: object) -> list[int]:
        """The numbers that it answers with."""
        self.say(question)
        return [int(word) for word in self.answer().split()]

    def work(self, turns: int) -> float:
        """Nanoseconds on a processor."""
        (taken,) = self.ask(turns)
        return float(taken)

    def line(self, name: str) -> int:
        (number,) = self.ask(f"line {name}")
        return number

    def arm(self) -> None:
        """Set the breakpoint; `leave` takes it away again, except pdb's, which has no way to."""
        if self.tool == "none":
            return
        line = self.line(self.place)
        if self.tool == "live-attach":
            self.leave = armed_command(self.process.pid, line)
        elif self.tool == "pdb":
            self.say(f"pdb {line}")
            assert self.answer() == "ok\n"
        elif self.tool == "debugpy":
            (port,) = self.ask("debugpy")
            client = Client(port)
            client.start(str(DEBUGGED), line)
            self.leave = client.close
        else:
            self.leave = armed_by_pdb(self, line)


def armed_command(pid: int, line: int) -> Callable[[], object]:
    """The real command, waiting for the breakpoint; returns what interrupts it."""
    command = [sys.executable, "-m", "attach", str(pid), "debug", "--break", f"{DEBUGGED}:{line}", "--wait", "3600"]
    child = pexpect.spawn(command[0], command[1:], encoding="utf-8", env=plain_environment(), timeout=30)
    child.expect("armed")

    def leave() -> None:
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()

    return leave


def armed_by_pdb(worker: Worker, line: int) -> Callable[[], object]:
    """``python -m pdb -p``: its script runs at the next line of the main thread."""
    executable = os.readlink(f"/proc/{worker.process.pid}/exe")
    python = next(i.path for i in map(find_interpreter, MINORS) if i and os.path.samefile(i.path, executable))
    child = pexpect.spawn(
        str(python), ["-m", "pdb", "-p", str(worker.process.pid)], encoding="utf-8", env=plain_environment(), timeout=30
    )
    worker.say("busy 1")
    child.expect(r"\(Pdb\) ")
    child.sendline(f"break {DEBUGGED}:{line}")
    child.expect(r"\(Pdb\) ")
    child.sendline("continue")
    worker.answer()
    return lambda: child.close(force=True)


def plain_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV", "FORCE_COLOR"))}
    return {**kept, "TERM": "dumb", "NO_COLOR": "1"}


@contextlib.contextmanager
def workers(interpreter: Interpreter, wanted: list[tuple[str, str]]) -> Iterator[list[Worker]]:
    """A process for each of (tool, place)."""
    made: list[Worker] = []
    try:
        for tool, place in wanted:
            python = environment(interpreter, DEBUGPY) if tool == "debugpy" else interpreter.path
            process = subprocess.Popen(
                [str(python), "-X", "frozen_modules=off", "-W", "ignore", str(DEBUGGED)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=plain_environment(),
            )
            made.append(Worker(tool, place, process))
        for worker in made:
            while worker.answer() not in ("ready\n", ""):
                pass
        yield made
    finally:
        for worker in made:
            worker.process.kill()
            worker.process.communicate()


def measured(interpreter: Interpreter, tools: list[str], rounds: int, turn: float) -> list[Worker]:
    """All processes, the two without a tool first, with their times before, during and after."""
    wanted = [("none", ""), ("none", ""), *((tool, place) for tool in tools for place in PLACES)]
    with workers(interpreter, wanted) as them:
        for worker in them:
            worker.work(WARM_TURNS)
        turns = max(1, round(turn * 1e9 / min(them[0].work(1) for _ in range(20))))
        take(them, rounds, turns, "before")
        for worker in them:
            worker.arm()
            worker.share = min(1.0, them[0].work(WARM_TURNS) / worker.work(WARM_TURNS) * 2)
        take(them, rounds, turns, "during")
        for worker in them:
            with contextlib.suppress(OSError, TimeoutError):
                worker.leave()
        ours = [worker for worker in them if worker.tool in ("none", "live-attach")]
        take(ours, rounds, turns, "after")
        return them


def take(them: list[Worker], rounds: int, turns: int, where: str) -> None:
    """Let them work in turns; what is kept is relative to the first of them, in the same round."""
    for _ in range(rounds):
        first = them[0].work(turns) / turns
        for worker in them[1:]:
            own = max(1, round(turns * worker.share))
            getattr(worker, where).append(worker.work(own) / own / first)


def ratio(worker: Worker | None, when: str = "during") -> str:
    """Median (lowest-highest) of the ratio to no breakpoint."""
    if worker is None:
        return "-"
    base = statistics.median(worker.before)
    ratios = [time / base for time in getattr(worker, when)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def cost(interpreters: list[Interpreter], rounds: int, turn: float) -> None:
    """Print the table of ratios."""
    print("\n| target | breakpoint | nothing (noise) | " + " | ".join(name for name, _ in TOOLS) + " | ours, gone |")
    print("|---" * (len(TOOLS) + 4) + "|")
    for interpreter in interpreters:
        tools = [name for name, first in TOOLS if interpreter.version >= first]
        try:
            environment(interpreter, DEBUGPY)
        except EnvironmentFailed:
            tools.remove("debugpy")
        _, noise, *others = measured(interpreter, tools, rounds, turn)
        for place in PLACES:
            found = {worker.tool: worker for worker in others if worker.place == place}
            cells = [
                ratio(noise),
                *(ratio(found.get(name)) for name, _ in TOOLS),
                ratio(found.get("live-attach"), "after"),
            ]
            print(f"| {interpreter} | {PLACE_NAMES[place]} | " + " | ".join(cells) + " |", flush=True)


PLACE_NAMES = {"elsewhere": "in another function", "own": "in the function that runs"}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", help="as 3.12; all that are here by default")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--turn", type=float, default=0.05, help="seconds of work without a tool, in each round")
    parser.add_argument("--stops", type=int, default=15, help="for each time that is measured")
    given = parser.parse_args()
    found = [i for i in map(find_interpreter, given.versions or MINORS) if i]
    start = time.monotonic()
    cost(found, given.rounds, given.turn)
    print(f"\n{time.monotonic() - start:.0f} s.", file=sys.stderr)


if __name__ == "__main__":
    main()
