"""A program that runs what it is told (tests/targets/asked.py), and what ran of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.interpreters import Interpreter
from tests.support.marks import TARGETS
from tests.support.processes import Target, running

ASKED = TARGETS / "asked.py"


class Asked:
    """The running program."""

    def __init__(self, target: Target, told: Path) -> None:
        self.target = target
        self.pid = target.pid
        self._told = told
        self._count = 0

    def tell(self, *functions: str) -> None:
        """Have it run these; returns when it has."""
        with self._told.open("a") as told:
            told.write("".join(f"{function}\n" for function in functions))
        self._count += len(functions)
        self.target.wait_for(f"^did {self._count}$")

    def end(self) -> int:
        """Let it end in an orderly way; returns its exit status."""
        with self._told.open("a") as told:
            told.write("end\n")
        return self.target.wait_for_end()


@contextmanager
def asked_program(interpreter: Interpreter, folder: Path, path: Path | None = None) -> Iterator[Asked]:
    """The program runs as long as the block lasts, in `folder`; `path` is one more folder of modules."""
    told = folder / "told"
    told.write_text("")
    env = {"PYTHONPATH": str(path)} if path else {}
    with running([interpreter.path, ASKED, told], ready="^ready$", cwd=folder, env=env) as target:
        yield Asked(target, told)


def marked() -> dict[str, set[int]]:
    """Its functions, and their marked lines."""
    found: dict[str, set[int]] = {}
    for number, line in enumerate(ASKED.read_text().splitlines(), 1):
        _, mark, function = line.partition("  # ")
        if mark:
            found.setdefault(function, set()).add(number)
    return found


def functions(numbers: set[int]) -> set[str]:
    """Those of its functions of which all marked lines are among these."""
    found = {function for function, lines in marked().items() if numbers & lines}
    assert all(marked()[function] <= numbers for function in found)
    return found
