"""A program measured with probes, by the command, and left."""

import json
from pathlib import Path

from tests.support.command import succeed
from tests.support.interpreters import Interpreter, before_version
from tests.support.marks import TARGETS, lines_marked
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import running, wait_until

LOOP = TARGETS / "loop.py"


@before_version("3.12")
def test_probes(interpreter: Interpreter, tmp_path: Path) -> None:
    """What runs since before and what is called anew is measured line for line; a detach leaves nothing."""
    with running([interpreter.path, LOOP], ready=r"^ready$") as target:
        before = settled_picture(target.pid)
        started = succeed(target.pid, "start-coverage", "--core=probes", "--source", TARGETS)
        assert "probes)" in started.stderr
        assert "coverage: measuring lines (probes)" in succeed(target.pid, "status").stdout
        found: set[int] = set()

        def complete() -> bool:
            succeed(target.pid, "snapshot", "--json=report.json", cwd=tmp_path)
            report = json.loads((tmp_path / "report.json").read_text())["files"]
            found.update(*(file["executed_lines"] for name, file in report.items() if Path(name).name == LOOP.name))
            return lines_marked(LOOP, "ran") <= found

        wait_until(complete, f"every line; so far {found}")
        assert found <= lines_marked(LOOP, "ran", "perhaps")
        succeed(target.pid, "detach")
        assert_untouched(before, target.pid, ignoring=("mapped_files", "descriptors"))
        assert target.is_running() and target.stderr == ""
