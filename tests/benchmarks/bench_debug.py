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
import signal
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

from attach import attach  # noqa: E402
from attach.debugging import Break, Debug, Options  # noqa: E402
from tests.support.environments import EnvironmentFailed, environment  # noqa: E402
from tests.support.interpreters import MINORS, Interpreter, find_interpreter  # noqa: E402

DEBUGGED = HERE / "debugged.py"
DEBUGPY = HERE / "requirements-debugpy.txt"
WARM_TURNS = 20
PLACES = ("elsewhere", "own")
#: Tool, and the first version that it is for.
TOOLS = (("live-attach", (3, 8)), ("pdb", (3, 8)), ("debugpy", (3, 8)), ("pdb -p", (3, 14)))


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
            self.leave = armed(self.process.pid, line)
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


def armed(pid: int, line: int) -> Callable[[], object]:
    """A session that waits for the breakpoint; returns what ends it."""
    session = attach(pid)
    debug = session.debugging.open(Options(breaks=(Break(str(DEBUGGED), line),), stop_timeout=0, idle_timeout=0))
    while not any(event[0] == "note" for event in debug.events(1.0)):
        pass

    def leave() -> None:
        debug.close()
        while not any(event[0] == "closed" for event in debug.events(1.0)):
            pass
        debug.leave()
        session.detach()

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


def times(interpreters: list[Interpreter], stops: int) -> None:
    """Print the table of times."""
    print("\n| target | from the line to the prompt, ms | from a killed operator to the next line, ms |", end="")
    print(" from a request to the prompt, in a busy thread, ms |")
    print("|---" * 4 + "|")
    for interpreter in interpreters:
        with workers(interpreter, [("none", "")]) as (worker,):
            cells = [
                shown(prompts(worker, stops)),
                shown(kills(worker, max(3, stops // 3))),
                shown(requests(worker, stops)),
            ]
        print(f"| {interpreter} | " + " | ".join(cells) + " |", flush=True)


def command(worker: Worker) -> pexpect.spawn[str]:
    """The real command on a terminal, with a breakpoint at the line marked `hit`, from when that is armed."""
    place = f"{DEBUGGED}:{worker.line('hit')}"
    arguments = ["-m", "attach", str(worker.process.pid), "debug", "--break", place, "--stop-timeout", "0"]
    child = pexpect.spawn(sys.executable, arguments, encoding="utf-8", env=plain_environment(), timeout=30)
    child.delaybeforesend = None
    child.expect("breakpoint 1 at")
    return child


def prompts(worker: Worker, stops: int) -> list[float]:
    """From just before the line with the breakpoint until pdb's prompt is on the operator's terminal."""
    child = command(worker)
    found = []
    for _ in range(stops + 1):
        worker.say("hit")
        child.expect(r"\(Pdb\) ")
        shown_at = time.monotonic_ns()
        child.sendline("continue")
        came, _ = map(int, worker.answer().split())
        found.append((shown_at - came) / 1e6)
    child.sendintr()
    child.close(force=True)
    return found[1:]  # the first also loads what a prompt needs


def kills(worker: Worker, count: int) -> list[float]:
    """From SIGKILL for an operator at the prompt until the stopped thread has run its line."""
    found = []
    for _ in range(count):
        child = command(worker)
        worker.say("hit")
        child.expect(r"\(Pdb\) ")
        time.sleep(0.2)
        killed_at = time.monotonic_ns()
        os.kill(child.pid, signal.SIGKILL)
        _, went = map(int, worker.answer().split())
        found.append((went - killed_at) / 1e6)
        child.close(force=True)
    return found


def requests(worker: Worker, stops: int) -> list[float]:
    """From the request to stop the main thread, which computes, until pdb wants a line."""
    found = []
    worker.say("busy 3600")
    with attach(worker.process.pid) as session, session.debugging.open(Options(stop_timeout=0)) as debug:
        wait_for_prompt(debug)
        for _ in range(stops):
            debug.feed("continue\n")
            time.sleep(0.02)
            begin = time.monotonic_ns()
            debug.stop()
            wait_for_prompt(debug)
            found.append((time.monotonic_ns() - begin) / 1e6)
    return found


def wait_for_prompt(debug: Debug) -> None:
    while not any(event[0] == "prompt" for event in debug.events(1.0)):
        pass


def shown(found: list[float]) -> str:
    """Median (lowest-highest)."""
    return f"{statistics.median(found):.1f} ({min(found):.1f}-{max(found):.1f})"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", help="as 3.12; all that are here by default")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--turn", type=float, default=0.05, help="seconds of work without a tool, in each round")
    parser.add_argument("--stops", type=int, default=15, help="for each time that is measured")
    given = parser.parse_args()
    found = [i for i in map(find_interpreter, given.versions or MINORS) if i]
    start = time.monotonic()
    cost(found, given.rounds, given.turn)
    times(found, given.stops)
    print(f"\n{time.monotonic() - start:.0f} s.", file=sys.stderr)


if __name__ == "__main__":
    main()
