"""A program of tests/targets/loads.py that runs, and what it found when it has ended."""

import enum
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.picture import picture
from tests.support.processes import NotReady, Target, running

PROGRAM = Path(__file__).parent.parent / "targets" / "loads.py"
LOADS = ("memory", "busy", "churn", "echo", "aio", "raw", "deadlines", "forks", "signals", "idle")
#: Their threads or descriptors come and go all the time: so many more or fewer are nobody's.
SLACK = {"churn": 3, "echo": 2, "forks": 2}
#: What a program needs at most to see that all its threads, children and signals are there.
ENDING_SECONDS = 40.0
_LOOKS, _LOOK_SECONDS = 15, 0.02


class Phase(enum.IntEnum):
    """What is going on, as the program's first byte of the board tells it."""

    NOT_JUDGED = 0
    ALONE = 1
    ATTACHED = 2
    END = 9


@dataclass
class Lateness:
    """How late something came in one phase, in ms."""

    tenths: Counter[int] = field(default_factory=Counter)

    @property
    def most(self) -> float:
        return max(self.tenths, default=0) / 10

    def at(self, share: float) -> float:
        """What that share of all did not exceed."""
        left = share * self.tenths.total()
        for tenth in sorted(self.tenths):
            left -= self.tenths[tenth]
            if left <= 0:
                return tenth / 10
        return 0.0

    def above(self, milliseconds: float) -> int:
        return sum(number for tenth, number in self.tenths.items() if tenth / 10 > milliseconds)


@dataclass
class Verdict:
    """What a program says of itself. Without `findings` all is well."""

    counts: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    late: dict[Phase, Lateness] = field(default_factory=dict)
    #: What a process that nobody touched saw of the machine while the program was attached to.
    machine: Lateness = field(default_factory=Lateness)

    def lateness(self, phase: Phase) -> Lateness:
        return self.late.get(phase, Lateness())


@dataclass(frozen=True)
class Extent:
    """What a process has; of something that comes and goes the least that was seen in 0.3 s."""

    threads: int
    descriptors: int
    mappings: int
    executable: Counter[str]

    def growth(self, before: "Extent", attaches: int, slack: int) -> list[str]:
        """What has come since `before`, one sentence each; of threads and descriptors `slack` more are not counted.

        An allocator maps and unmaps as it likes: so mappings count only if half of the attaches could have left one.
        Executable memory without a file is ours, or nobody's: it must be the same.
        """
        found = []
        if self.threads > before.threads + slack:
            found.append(f"{self.threads - before.threads} threads more")
        if self.descriptors > before.descriptors + slack:
            found.append(f"{self.descriptors - before.descriptors} descriptors more")
        if self.mappings - before.mappings > max(20, attaches / 2):
            found.append(f"{self.mappings - before.mappings} mappings more")
        return found + [f"executable memory left: {kind}" for kind in (self.executable - before.executable)]


def extent(pid: int) -> Extent:
    """Looks at a process that runs."""
    threads, descriptors, mappings, executable = [], [], [], Counter[str]()
    for turn in range(_LOOKS):
        now = picture(pid)
        threads.append(now.threads.total())
        descriptors.append(now.descriptors.total())
        with open(f"/proc/{pid}/maps") as maps:
            mappings.append(len(maps.readlines()))
        executable = executable & now.executable_memory if turn else now.executable_memory
        time.sleep(_LOOK_SECONDS)
    return Extent(min(threads), min(descriptors), min(mappings), executable)


class Loaded:
    """A running program under load."""

    def __init__(self, load: str, target: Target, witness: Target, board: int) -> None:
        self.load = load
        self.target = target
        self.witness = witness
        self.pid = target.pid
        self._board = board

    def enter(self, phase: Phase) -> None:
        os.pwrite(self._board, bytes([phase]), 0)

    def alone(self, seconds: float) -> None:
        """Leaves it alone for so long."""
        self.enter(Phase.ALONE)
        time.sleep(seconds)
        self.enter(Phase.NOT_JUDGED)

    def end(self, patience: float = ENDING_SECONDS) -> Verdict:
        """Has the program end, and say what it found. A crash or a hang is a finding too."""
        self.enter(Phase.END)
        verdict = _verdict(self.target, patience)
        verdict.machine = _verdict(self.witness, patience).lateness(Phase.ATTACHED)
        return verdict


def _verdict(target: Target, patience: float) -> Verdict:
    try:
        status = target.wait_for_end(patience)
    except NotReady:
        return Verdict(findings=["the program hung"])
    if status:
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return Verdict(findings=[f"the program ended {how}: {target.stderr[-500:]}"])
    told = json.loads(target.stdout.splitlines()[-1])
    findings = [f"{what} ({number} times)" for what, number in told["findings"].items()]
    late = {Phase(int(phase)): _lateness(found) for phase, found in told["late"].items()}
    return Verdict(told["counts"], findings, late)


def _lateness(found: dict[str, int]) -> Lateness:
    return Lateness(Counter({int(tenth): number for tenth, number in found.items()}))


@contextmanager
def loaded(python: Path, load: str, env: Mapping[str, str] | None = None) -> Iterator[Loaded]:
    """Runs the load on that interpreter for as long as the block lasts; `env` is added to the environment.

    Beside it runs a witness of what the machine itself does to a process.
    """
    with tempfile.NamedTemporaryFile(prefix="live-attach-board-") as board:
        board.write(bytes(4096))
        board.flush()
        command: list[str | Path] = [python, PROGRAM, load, board.name]
        with (
            running([python, PROGRAM, "witness", board.name], ready="^ready$") as witness,
            running(command, ready="^ready$", env=env) as target,
        ):
            yield Loaded(load, target, witness, board.fileno())
