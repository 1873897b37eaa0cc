"""A server under gevent, measured and left."""

import json
import os
from pathlib import Path

from tests.agent.coverage.support import package
from tests.support.command import succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS, lines_marked
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import http_get, running, wait_until

APP, STEPS = TARGETS / "gevent_app.py", TARGETS / "gevent_steps.py"
PACKAGES = ("gevent>=24,<27", "greenlet>=3.1,<4", "zope.event>=5,<7", "zope.interface>=7,<9")


@on_interpreters("3.8", "3.11", "3.12")
def test_gevent_server(interpreter: Interpreter, tmp_path: Path) -> None:
    """Its greenlets, among them those that were suspended, are measured line for line; after a detach it goes on."""
    path = os.pathsep.join(str(package(interpreter, name)) for name in PACKAGES)
    command = [interpreter.path, APP]
    with running(command, ready=r"^port (?P<port>\d+)$", env={"PYTHONPATH": path}) as target:
        assert http_get(target.port).text == "32"
        before = settled_picture(target.pid)
        succeed(target.pid, "start-coverage", "--source", TARGETS)
        for _ in range(3):
            assert http_get(target.port).text == "32"
        found: dict[str, set[int]] = {}

        def complete() -> bool:
            succeed(target.pid, "snapshot", "--json=report.json", cwd=tmp_path)
            report = json.loads((tmp_path / "report.json").read_text())["files"]
            found.update({Path(name).name: set(file["executed_lines"]) for name, file in report.items()})
            return lines_marked(STEPS, "ran") <= found[STEPS.name] and lines_marked(APP, "ran") <= found[APP.name]

        wait_until(complete, f"every line; so far {found}")
        assert found[STEPS.name] <= lines_marked(STEPS, "ran", "perhaps")
        assert found[APP.name] <= lines_marked(APP, "ran", "perhaps")
        succeed(target.pid, "detach")
        # gevent ends threads of its pool when it likes
        assert_untouched(before, target.pid, ignoring=("mapped_files", "descriptors", "threads"))
        assert http_get(target.port).text == "32"
        assert http_get(target.port, "/end").text == "32"
        assert target.wait_for_end() == 0
        assert target.stderr == ""
