"""Fixtures of the tests that use the real command."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from tests.support.interpreters import unavailable


@pytest.fixture(scope="module")
def nobodys_attach() -> Iterator[list[str]]:
    """The command as nobody has it: a copy that nobody can read, run by a Python that nobody can."""
    if shutil.which("setpriv") is None:
        unavailable("setpriv (util-linux) is not here")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    with tempfile.TemporaryDirectory(prefix="live-attach-test-") as name:
        for module in ("attach", "attach_agent", "attach_cli", "click", "coverage", "plumbum", "rpyc"):
            (home,) = importlib.util.find_spec(module).submodule_search_locations  # type: ignore[union-attr, misc]
            shutil.copytree(home, f"{name}/{module}", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        for python in (sys.executable, "/usr/bin/python3"):
            command = [*nobody, "env", f"PYTHONPATH={name}", python, "-m", "attach"]
            probe = subprocess.run([*command, "--version"], check=False, capture_output=True, cwd="/")
            if probe.returncode == 0:
                yield command
                return
    unavailable("nobody can run no Python of 3.11 or later here")
