"""The corpus under ``--core probes``: what ran once and runs again, and everything that importlib imports."""

from pathlib import Path

from tests.corpus.measuring import by_attach, by_coverage
from tests.corpus.test_corpus import PROGRAMS, program
from tests.support.interpreters import Interpreter, before_version

#: The body of a profile function: CPython tells tracers nothing of it, and it does run.
UNSEEN = {(str(PROGRAMS / "callbacks.py"), 169)}


@before_version("3.12")
def test_warm(interpreter: Interpreter, tmp_path: Path) -> None:
    """Of code that is there at the attach the lines are coverage.py's, and so are those of frames that end later."""
    theirs = by_coverage(program(interpreter, "warm", "coverage"), tmp_path, branch=False, itself=True)
    ours = by_attach(program(interpreter, "warm"), tmp_path, branch=False, core="probes")
    assert "failed" not in theirs.output + ours.output, theirs.output + ours.output
    assert len(theirs.files) > 20
    found = {(name, line) for name, lines in ours.data.items() for line in lines}
    assert found - UNSEEN == {(name, line) for name, lines in theirs.data.items() for line in lines}


@before_version("3.12")
def test_cold(interpreter: Interpreter, tmp_path: Path) -> None:
    """Of modules imported later the lines are coverage.py's; what `exec` runs is missing, and nothing is invented."""
    theirs = by_coverage(program(interpreter), tmp_path, branch=False)
    ours = by_attach(program(interpreter), tmp_path, branch=False, core="probes")
    assert "failed" not in theirs.output + ours.output, theirs.output + ours.output
    imported = [name for name in theirs.data if Path(name).parent == PROGRAMS and Path(name).exists()]
    assert len(imported) > 15
    for name in imported:
        if Path(name).suffix == ".py":
            assert ours.data[name] - {line for path, line in UNSEEN if path == name} == theirs.data[name], name
    for name, lines in ours.data.items():
        assert lines - {line for path, line in UNSEEN if path == name} <= theirs.data[name], name
