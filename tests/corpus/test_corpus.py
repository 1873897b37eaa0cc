"""What we report of a live process is what coverage.py reports of the same work; programs/ has all Python can do."""

from pathlib import Path

import pytest

from tests.corpus.measuring import Program, by_attach, by_coverage, differences
from tests.support.interpreters import Interpreter

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"


def program(interpreter: Interpreter, *options: str) -> Program:
    return Program(interpreter, interpreter.path, (HERE / "driver.py", PROGRAMS, *options), (f"{PROGRAMS}/*",))


@pytest.mark.parametrize("branch", [False], ids=["lines"])
@pytest.mark.parametrize("state", ["cold", "warm"])
def test_equal_to_coverage(interpreter: Interpreter, state: str, branch: bool, tmp_path: Path) -> None:
    """Lines and branches are those of coverage.py."""
    warm = ["warm"] * (state == "warm")
    theirs = by_coverage(
        program(interpreter, *warm, *["coverage"] * bool(warm), *["branch"] * branch),
        tmp_path,
        branch=branch,
        itself=bool(warm),
    )
    ours = by_attach(program(interpreter, *warm), tmp_path, branch=branch)
    assert "failed" not in theirs.output + ours.output, theirs.output + ours.output
    found = differences(theirs, ours)
    assert not found, "\n".join(found)
