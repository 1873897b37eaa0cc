"""Targets that make it hard."""

from tests.support.command import attach, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import running, wait_until


@on_interpreters("3.8", "3.11", "3.12", "3.14", "3.15")
def test_imports_refused(interpreter: Interpreter) -> None:
    """A target whose import hooks refuse everything, and whose sys.modules was emptied, is measured and left."""
    with running([interpreter.path, TARGETS / "refusing.py"], ready="^ready$") as target:
        before = settled_picture(target.pid)
        succeed(target.pid, "start-coverage")
        wait_until(lambda: attach(target.pid, "snapshot").code == 0, "lines")
        assert "refusing.py" in succeed(target.pid, "snapshot").stdout
        succeed(target.pid, "detach")
        assert_untouched(before, target.pid, ignoring=("mapped_files",))
