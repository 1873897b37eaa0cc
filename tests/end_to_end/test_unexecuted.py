"""Files of the sources that were named are reported even if nothing of them runs, as coverage.py does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import running, wait_until

WORK = """\
import sys
import time


def run():
    print("ready", flush=True)
    while "once" not in sys.argv:
        time.sleep(0.01)
"""
FILES = {
    "shop/__init__.py": "",
    "shop/work.py": WORK,
    "shop/never.py": "def never():\n    return 1\n",
    "shop/skipped.py": "def skip():\n    return 1\n",
    "shop/.#draft.py": "not Python, and not a module",
    "shop/inner/__init__.py": "",
    "shop/inner/deep.py": "VALUE = 1\n",
    "shop/data/script.py": "VALUE = 1\n",
    "main.py": "from shop import work\nwork.run()\n",
}


@on_interpreters("3.8", "3.12", "3.15")
@pytest.mark.parametrize("source", ["shop", "."])
def test_as_coverage(interpreter: Interpreter, source: str, tmp_path: Path) -> None:
    """A report has the very files that coverage.py's has, those of which nothing ran among them."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    options = [f"--source={source}", "--omit=*/skipped.py"]
    for command in (["run", *options, "main.py", "once"], ["json", "-o", "theirs.json"]):
        subprocess.run([sys.executable, "-m", "coverage", *command], cwd=tmp_path, check=True, capture_output=True)
    theirs = json.loads((tmp_path / "theirs.json").read_text())["files"]
    assert {"shop/never.py", "shop/inner/deep.py"} < set(theirs)
    # as an operator who stands elsewhere and names the package, and as one who stands in the project
    with running([interpreter.path, "main.py"], ready="^ready$", cwd=tmp_path) as target:
        succeed(target.pid, "start-coverage", *options, cwd=tmp_path if source == "." else tmp_path.parent)
        wait_until(lambda: " 0 lines" not in succeed(target.pid, "status").stdout, "lines")
        succeed(target.pid, "snapshot", "--json=ours.json", cwd=tmp_path)
    ours = json.loads((tmp_path / "ours.json").read_text())["files"]
    assert set(ours) == set(theirs)
    assert ours["shop/never.py"]["summary"]["percent_covered"] == 0
