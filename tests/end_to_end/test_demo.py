"""What a newcomer runs first."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.command import attach


def check(stdout: str, stderr: str, folder: Path) -> None:
    """The coverage grows, the report is there, and the server is gone."""
    covered = [int(hits) for hits in re.findall(r"(\d+) of \d+ ", stdout)]
    assert len(covered) == 4, stdout
    assert covered == sorted(covered)
    assert covered[0] < covered[-1]
    assert "shop.py" in (folder / "htmlcov" / "index.html").read_text()
    (pid,) = set(re.findall(r"as process (\d+)", stderr))
    assert not Path("/proc", pid).exists()


def test_demo(tmp_path: Path) -> None:
    """`attach demo` shows coverage growing over real requests, writes the report, and leaves nothing running."""
    done = attach("demo", cwd=tmp_path)
    assert done.code == 0, str(done)
    check(done.stdout, done.stderr, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the command as somebody else")
def test_demo_as_ordinary_user(nobodys_attach: list[str]) -> None:
    """The demo needs no privilege."""
    with tempfile.TemporaryDirectory(prefix="live-attach-test-") as folder:
        os.chmod(folder, 0o777)
        done = subprocess.run(
            [*nobodys_attach, "demo"], check=False, capture_output=True, text=True, cwd=folder, timeout=60
        )
        assert done.returncode == 0, done.stderr
        check(done.stdout, done.stderr, Path(folder))
