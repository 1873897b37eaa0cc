"""The real command, as a user types it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ATTACH = [sys.executable, "-m", "attach"]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}"


def attach(*args: object, cwd: Path | None = None, timeout: float = 60, program: Sequence[str] = ATTACH) -> Done:
    """Run ``attach ARGS``; `program` is what stands for ``attach``."""
    done = subprocess.run(
        [*program, *map(str, args)],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        timeout=timeout,
        env=environment(),
    )
    return Done(done.returncode, done.stdout, done.stderr)


def succeed(*args: object, cwd: Path | None = None) -> Done:
    """Run ``attach ARGS`` and insist that it works."""
    done = attach(*args, cwd=cwd)
    assert done.code == 0, str(done)
    return done


def assert_explained(done: Done, code: int, *words: str) -> None:
    """An error as users should see it: the right code, a cause, what to do, and never a traceback."""
    assert done.code == code, str(done)
    assert done.stdout == "", str(done)
    assert "Traceback" not in done.stderr, str(done)
    lines = done.stderr.splitlines()
    assert lines, str(done)
    for word in words:
        assert word in done.stderr, f"{word!r} not in: {done}"


@contextmanager
def started(*args: object, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """``attach ARGS`` under way, for tests that interrupt or kill it."""
    process = subprocess.Popen(
        [*ATTACH, *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def environment() -> dict[str, str]:
    """Ours, without what would make the command's output another one."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "FORCE_COLOR"))}
