"""Large programs measured as coverage.py measures them; `make corpus` has more of them, on every version."""

from pathlib import Path

import pytest

from tests.corpus.suites import compare, outcome
from tests.support.interpreters import Interpreter, on_interpreters


@on_interpreters("3.8", "3.12", "3.15")
@pytest.mark.parametrize("suite", ["pyflakes", "simplejson"])
def test_equal_to_coverage(interpreter: Interpreter, suite: str, tmp_path: Path) -> None:
    """The tests of a package, run by pytest after the attach, have the branches that `coverage run` finds."""
    theirs, ours, found = compare(interpreter, suite, tmp_path, branch=True)
    assert not found, "\n".join(found)
    assert outcome(theirs) == outcome(ours)
    assert " passed" in outcome(ours)
