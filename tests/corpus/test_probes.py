"""The corpus under ``--core probes``, run once before the attach: what it then executes by `exec` is not measured."""

from pathlib import Path

from tests.corpus.measuring import by_attach, by_coverage
from tests.corpus.test_corpus import PROGRAMS, program
from tests.support.interpreters import Interpreter, before_version

#: Lines that run and that CPython does not tell a tracer: the body of a profile function, and in 3.9 a line that an
#: exception from the first line of a function leads to.
UNTOLD = {("callbacks.py", 169), ("coroutines.py", 225)}

#: A line that CPython 3.10 tells a tracer, and that is in ``co_lines`` of no function.
INVENTED = {("functions.py", 34)}


@before_version("3.12")
def test_equal_to_coverage(interpreter: Interpreter, tmp_path: Path) -> None:
    """Of code that is there at the attach the lines are coverage.py's."""
    theirs = by_coverage(program(interpreter, "warm", "coverage"), tmp_path, branch=False, itself=True)
    ours = by_attach(program(interpreter, "warm"), tmp_path, branch=False, core="probes")
    assert "failed" not in theirs.output + ours.output, theirs.output + ours.output
    assert len(theirs.files) > 20
    found, wanted = (
        {(str(Path(name).relative_to(PROGRAMS)), line) for name, lines in side.data.items() for line in lines}
        for side in (ours, theirs)
    )
    assert found - UNTOLD == wanted - UNTOLD - INVENTED
