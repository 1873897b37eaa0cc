"""Operators that are killed at random moments: the program under load goes on, and what stays is counted."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from attach import attach
from attach.errors import AttachError
from tests.stress.loaded import Loaded, Phase, Verdict, loaded
from tests.support.picture import picture
from tests.support.processes import NotReady, wait_until

#: The whole command needs about so long; an operator that has imported everything, so long until the first answer.
COMMAND_SECONDS, LIBRARY_SECONDS = 0.35, 0.03
#: What a killed operator has begun ends within this time.
SETTLING = 3.0


@dataclass
class Kills:
    """What came of so many killed operators on one target."""

    load: str
    verdict: Verdict = field(default_factory=Verdict)
    number: int = 0
    #: In how many cases the agent was in the target when the operator was dead: the next one found it.
    attached: int = 0
    #: Executable mappings and scripts that stayed: what -> how many.
    left: Counter[str] = field(default_factory=Counter)


def kill_at_random(python: Path, load: str, count: int, *, command: bool, seed: int | None = 1) -> Kills:
    """Kills `count` operators at random moments, each followed by one that attaches, asks and detaches.

    With `command` they are whole commands, `attach PID start-coverage`, else a process that has imported everything
    and only attaches: then most of the moments are within the injection.
    """
    choice = random.Random(seed)
    found = Kills(load)
    failures: list[str] = []
    with loaded(python, load) as program:
        _come_and_go(program.pid)
        program.enter(Phase.ATTACHED)
        for _ in range(count):
            before = _ours(program)
            seconds = choice.uniform(0, COMMAND_SECONDS if command else LIBRARY_SECONDS)
            (_kill_command if command else _kill_library)(program.pid, seconds)
            found.number += 1
            try:
                found.attached += _come_and_go(program.pid)
            except AttachError as error:
                failures.append(f"the next attach failed: [{error.slug}] {error.message}")
            found.left.update(_stays(program, before))
        remove_scripts(program.pid)
        found.verdict = program.end()
        found.verdict.findings += failures
    return found


def _kill_command(pid: int, seconds: float) -> None:
    command = [sys.executable, "-m", "attach", str(pid), "start-coverage"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.kill()
    process.wait()


def _kill_library(pid: int, seconds: float) -> None:
    child = os.fork()
    if child == 0:
        try:
            attach(pid).status()
            signal.pause()
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _come_and_go(pid: int) -> bool:
    """Attaches, asks, detaches. Whether there was an agent already."""
    with attach(pid, timeout=30) as session:
        session.status()
        session.detach()
        return not session.injected


def _ours(program: Loaded) -> Counter[str]:
    """What only an operator of ours brings: executable memory without a file, and scripts in /tmp."""
    return picture(program.pid).executable_memory + Counter(f"script {path}" for path in _scripts(program.pid))


def _stays(program: Loaded, before: Counter[str]) -> Counter[str]:
    """What is there and was not before, when it had time to leave."""
    new: Counter[str] = Counter()

    def gone() -> bool:
        nonlocal new
        new = _ours(program) - before
        return not new

    try:
        wait_until(gone, "everything to leave", SETTLING)
    except NotReady:
        # what stays beside an earlier one is merged with it by the kernel: so each change is one mapping
        return Counter(dict.fromkeys(map(_kind, new), 1))
    return Counter()


def _kind(line: str) -> str:
    return "script" if line.startswith("script") else "mapping"


def _scripts(pid: int) -> list[Path]:
    """The directories of PEP 768 scripts that were made for `pid`: the source names its start time."""
    start = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    found = []
    for script in Path("/tmp").glob(".live-attach-*/run.py"):
        try:
            if f", {start})" in script.read_text():
                found.append(script.parent)
        except OSError:
            continue
    return found


def remove_scripts(pid: int) -> None:
    """Removes what killed operators could not."""
    for folder in _scripts(pid):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
