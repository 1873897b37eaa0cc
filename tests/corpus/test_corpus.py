"""What we report of a live process is what coverage.py reports of the same work; programs/ has all Python can do."""

from pathlib import Path

import pytest

from tests.corpus.measuring import Program, by_attach, by_coverage, differences
from tests.support.interpreters import MINORS, Interpreter, require_interpreter

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"

#: Our core -> coverage.py's core that it must equal ("" for its default), and the versions to try it on.
CORES = {
    "auto": ("", MINORS),
    "ctracer": ("ctrace", ("3.13", "3.15")),
}
CASES = [(core, minor) for core, (_, minors) in CORES.items() for minor in minors]


def program(interpreter: Interpreter, *options: str) -> Program:
    """The corpus, as it is run in both cases."""
    return Program(interpreter, interpreter.path, (HERE / "driver.py", PROGRAMS, *options), (f"{PROGRAMS}/*",))


@pytest.mark.parametrize(("core", "minor"), CASES, ids=[f"{minor}-{core}" for core, minor in CASES])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("branch", [False, True], ids=["lines", "branches"])
def test_equal_to_coverage(core: str, minor: str, warm: bool, branch: bool, tmp_path: Path) -> None:
    """Lines, branches and reports are coverage.py's, of code that is imported after the attach and of code that ran."""
    interpreter = require_interpreter(minor)
    state = ("warm",) * warm
    theirs = by_coverage(
        # `coverage run` cannot begin later than the program
        program(interpreter, *state, *("coverage",) * warm, *("branch",) * branch),
        tmp_path,
        branch=branch,
        core=CORES[core][0],
        itself=warm,
    )
    ours = by_attach(program(interpreter, *state), tmp_path, branch=branch, core=core)
    assert "failed" not in theirs.output + ours.output, theirs.output + ours.output
    found = differences(theirs, ours)
    assert not found, "\n".join(found)
    assert len(theirs.files) > 20  # both have measured something
