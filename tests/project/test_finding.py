"""Which file is the project's, in whatever file system the process lives."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attach.errors import ConfigurationNotUsable
from attach.process import Process
from attach.project.finding import find, read_named

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its root")

CONFINE = "import os, sys; os.chroot(sys.argv[1]); os.chdir('/app'); print(flush=True); sys.stdin.read()"
RAN = "[run]\nsource = %s\n"


@contextmanager
def waiting(*command: str | Path, cwd: Path | None = None, **environment: str) -> Iterator[Process]:
    """A Python that waits."""
    env = {**os.environ, **environment}
    with subprocess.Popen(
        [sys.executable, "-c", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd, env=env
    ) as child:
        assert child.stdout and child.stdout.readline()
        yield Process(child.pid)
        child.communicate()


WAIT = "print(flush=True); input()"


@needs_root
def test_a_process_with_another_root(tmp_path: Path) -> None:
    """The file is the one that the process sees; a link out of its root leads nowhere; ours are not looked at."""
    root = tmp_path / "root"
    (root / "app").mkdir(parents=True)
    (root / "project").mkdir()
    (root / "app" / ".coveragerc").symlink_to(tmp_path / "outside")
    (tmp_path / "outside").write_text(RAN % "OUTSIDE")
    (root / "project" / "tox.ini").write_text("[coverage:run]\nsource = inside\n")
    with waiting(CONFINE, root, COVERAGE_FILE="its") as process:
        assert find(process, []) is None
        settings = find(process, ["/app", "/project"])
        assert settings is not None
        assert (settings.file, settings["run:source"]) == ("/project/tox.ini", ["inside"])
        assert settings["run:data_file"] == "its"
        assert read_named(process, "/project/tox.ini").file == "/project/tox.ini"
        assert read_named(process, str(tmp_path / "outside"))["run:source"] == ["OUTSIDE"]  # the operator's own
        with pytest.raises(ConfigurationNotUsable, match="cannot be read"):
            read_named(process, "/project/missing")


def test_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    """What is not a regular file is passed over, and not waited for."""
    os.mkfifo(tmp_path / ".coveragerc")
    (tmp_path / "setup.cfg").mkdir()
    (tmp_path / "tox.ini").write_text("[coverage:run]\nsource = tox\n")
    with waiting(WAIT, cwd=tmp_path) as process:
        settings = find(process, [])
    assert settings is not None and settings["run:source"] == ["tox"]


@pytest.mark.parametrize("name", ["COVERAGE_FORCE_CONFIG", "COVERAGE_DEBUG_FILE", "COVERAGE_CORE"])
def test_other_variables_do_nothing(name: str, tmp_path: Path) -> None:
    """Variables of coverage.py that would make its reader open more files, or that are no settings, are left out."""
    (tmp_path / "secret").write_text(RAN % "SECRET")
    (tmp_path / "tox.ini").write_text("[coverage:run]\nsource = tox\n")
    with waiting(WAIT, cwd=tmp_path, **{name: str(tmp_path / "secret")}) as process:
        settings = find(process, [])
    assert settings is not None and dict(settings.values) == {"run:source": ["tox"]}
