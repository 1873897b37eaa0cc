"""Attach, ask, detach: over and over, by one operator or by two at the same time, and what came of it."""

import random
import statistics
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from attach import attach
from attach.errors import AttachError
from tests.stress.loaded import SLACK, Loaded, Phase, Verdict, extent, loaded

#: Attaching and being left alone take turns, so that both see the same noise of the machine.
ROUNDS = 10
ALONE_SECONDS = 2.0
#: The first attach loads two C modules and makes the C library an arena; growth is counted from here.
WARMING = 3
#: Four threads that compute let nobody in for long.
PATIENCE = 30.0
#: What an operator may hear when another one detaches the agent that both use.
BY_ANOTHER = frozenset({"agent-unreachable", "not-attached"})


@dataclass
class Attaches:
    """What an operator has seen. Times are in ms: until the first answer, and until nothing is left."""

    answered: list[float] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    #: The first message of each failure.
    messages: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return len(self.answered) + self.failures.total()

    def add(self, other: "Attaches") -> None:
        self.answered += other.answered
        self.left += other.left
        self.failures += other.failures
        self.methods += other.methods
        self.messages |= other.messages

    def attach_once(self, pid: int) -> None:
        begin = time.perf_counter()
        try:
            with attach(pid, timeout=PATIENCE) as session:
                operators = session.status()["operators"]
                answered = time.perf_counter() - begin
                session.detach()
        except AttachError as error:
            self.failures[error.slug] += 1
            self.messages.setdefault(error.slug, error.message)
            return
        assert operators >= 1
        self.methods[session.method] += 1
        self.answered.append(answered * 1e3)
        self.left.append((time.perf_counter() - begin) * 1e3)


def shown(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} / {max(times):.0f}" if times else "-"


@dataclass
class Cell:
    """One load on one version."""

    load: str
    attaches: Attaches
    verdict: Verdict
    growth: list[str]

    @property
    def harm(self) -> list[str]:
        return self.verdict.findings + self.growth


def attach_many(pid: int, count: int, seconds: float) -> Attaches:
    """`count` attaches, or as many as end within so many seconds."""
    found = Attaches()
    end = time.monotonic() + seconds
    while found.number < count and time.monotonic() < end:
        found.attach_once(pid)
    return found


def attach_at_random(pid: int, count: int, seconds: float, seed: int) -> Attaches:
    """The same with pauses of 0 to 20 ms: an operator among others."""
    choice = random.Random(seed)
    found = Attaches()
    end = time.monotonic() + seconds
    while found.number < count and time.monotonic() < end:
        time.sleep(choice.uniform(0, 0.02))
        found.attach_once(pid)
    return found


def by_one(program: Loaded, count: int, seconds: float, alone: float) -> Attaches:
    """One operator; in turns with leaving the program alone."""
    found = Attaches()
    for _ in range(ROUNDS):
        program.alone(alone / ROUNDS)
        program.enter(Phase.ATTACHED)
        found.add(attach_many(program.pid, min(-(-count // ROUNDS), count - found.number), seconds / ROUNDS))
        program.enter(Phase.NOT_JUDGED)
    return found


def by_two(program: Loaded, count: int, seconds: float, alone: float) -> Attaches:
    """Two operators, in processes of their own, that know nothing of each other."""
    found = Attaches()
    program.alone(alone)
    program.enter(Phase.ATTACHED)
    with ProcessPoolExecutor(2) as pool:
        operators = [pool.submit(attach_at_random, program.pid, count // 2, seconds, seed) for seed in (1, 2)]
        for operator in operators:
            found.add(operator.result())
    program.enter(Phase.NOT_JUDGED)
    return found


def stress(
    python: Path, load: str, count: int, seconds: float, *, operators: int = 1, alone: float = ALONE_SECONDS
) -> Cell:
    """Attaches `count` times, for at most so many seconds, to the load; the program has the last word.

    For `alone` seconds in all it is left alone meanwhile, for comparison.
    """
    with loaded(python, load) as program:
        attach_many(program.pid, WARMING, seconds)
        before = extent(program.pid)
        attaches = (by_one if operators == 1 else by_two)(program, count, seconds, alone)
        growth = []
        if program.target.is_running():
            growth = extent(program.pid).growth(before, count, SLACK.get(load, 0))
        return Cell(load, attaches, program.end(), growth)
