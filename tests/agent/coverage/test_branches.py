"""Where branches lead is what coverage.py reads from the same bytecode."""

from pathlib import Path

from attach.report import arcs
from attach_agent.wire import arc_ends, unpack_arcs
from tests.agent.coverage.support import coverage_for, run
from tests.support.interpreters import Interpreter, from_version

#: Large ones, of many kinds: with ``match``, ``async``, long conditions, code of more than 256 instructions.
MODULES = (
    *("argparse.py", "ast.py", "asyncio/base_events.py", "asyncio/streams.py", "dataclasses.py", "enum.py"),
    *("http/cookiejar.py", "inspect.py", "locale.py", "mimetypes.py", "pdb.py", "pickle.py", "statistics.py"),
    *("tarfile.py", "tokenize.py", "traceback.py", "typing.py", "unittest/mock.py", "zipfile/__init__.py"),
)


@from_version("3.14")
def test_branches_of_the_standard_library(interpreter: Interpreter) -> None:
    """Each branch of large modules leads, once the source is known, where coverage.py sees it lead."""
    told = run(interpreter, "branches_of_library.py", *MODULES, path=coverage_for(interpreter))
    count = 0
    for path, branches in told["found"].items():
        first_lines = arcs.first_lines_of(Path(path).read_text(encoding="utf-8"))
        for trail, theirs in branches:
            packed = arcs.settled(trail.encode(), lambda known=first_lines: known)
            ours = [list(arc_ends(number)) for number in unpack_arcs(packed)] if trail != "0" else []
            assert ours == ([theirs] if theirs else []), (path, trail)
            count += 1
    assert count > 10_000


@from_version("3.14")
def test_opcodes(interpreter: Interpreter) -> None:
    """The numbers of opcodes that we know are those of this version."""
    told = run(interpreter, "branches_of_library.py", path=coverage_for(interpreter))
    assert [sorted(item) if isinstance(item, list) else item for item in told["opcodes"]] == told["known"]
