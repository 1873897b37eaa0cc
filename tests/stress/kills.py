"""Operators that are killed at random moments: the program under load goes on, and what stays is counted."""

import contextlib
import os
import random
import shutil
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

#: So much longer than an operator that has imported everything needs the whole command.
IMPORT_SECONDS = 0.25
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

    def findings(self) -> tuple[list[str], list[str]]:
        """How often C code saw EINTR, which a killed operator cannot keep from it, and what is harm."""
        eintr = [finding for finding in self.verdict.findings if ": EINTR" in finding]
        return eintr, [finding for finding in self.verdict.findings if finding not in eintr]


def kill_at_random(python: Path, load: str, count: int, *, command: bool, seed: int | None = 1) -> Kills:
    """Kills `count` operators at random moments, each followed by one that attaches, asks and detaches.

    With `command` they are whole commands, `attach PID start-coverage`, else a process that has imported everything
    and only attaches: then most of the moments are within the injection.
    """
    choice = random.Random(seed)
    found = Kills(load)
    failures: list[str] = []
    since = time.time()
    with loaded(python, load) as program:
        begin = time.monotonic()
        _come_and_go(program.pid)
        longest = time.monotonic() - begin + (IMPORT_SECONDS if command else 0)
        program.enter(Phase.ATTACHED)
        try:
            for _ in range(count):
                before = _ours(program)
                (_kill_command if command else _kill_library)(program.pid, choice.uniform(0, longest))
                found.number += 1
                try:
                    found.attached += _come_and_go(program.pid)
                except AttachError as error:
                    failures.append(f"the next attach failed: [{error.slug}] {error.message}")
                found.left.update(_stays(program, before))
        finally:
            remove_scripts(program.pid, since)
        found.verdict = program.end()
        found.verdict.findings += failures
    return found


def _kill_command(pid: int, seconds: float) -> None:
    command = [sys.executable, "-m", "attach", str(pid), "start-coverage"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(seconds)
        finally:
            process.kill()


def _kill_library(pid: int, seconds: float) -> None:
    child = os.fork()
    if child == 0:
        try:
            attach(pid).status()
            signal.pause()
        finally:
            os._exit(1)
    try:
        time.sleep(seconds)
    finally:
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


def remove_scripts(pid: int, since: float) -> None:
    """Removes what killed operators could not: scripts for `pid`, and folders since then that have no script yet."""
    folders = _scripts(pid)
    for folder in Path("/tmp").glob(".live-attach-*"):
        with contextlib.suppress(FileNotFoundError):
            born = folder.stat().st_mtime
            if since < born < time.time() - SETTLING and not (folder / "run.py").exists():
                folders.append(folder)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
