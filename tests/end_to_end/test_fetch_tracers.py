"""``attach fetch-tracers``: what it brings is there without a package index later."""

import sys
from pathlib import Path

import pexpect
import pytest

from attach import tracers
from attach.errors import TracerUnavailable
from tests.support.command import assert_explained, attach, succeed
from tests.support.interpreters import unavailable


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a package index that can be reached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    try:
        tracers.fetch((3, 9))
    except TracerUnavailable as error:
        unavailable(error.message)
    return tmp_path / "live-attach" / "tracers"


def test_fetched_ahead_of_time(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real tracers are fetched once, for other C libraries and machines too, and listed."""
    assert "Python 3.9: there already" in succeed("fetch-tracers", "3.9").stderr
    done = succeed("fetch-tracers", "3.13", "--libc", "musl", "--machine", "aarch64")
    assert "Python 3.13: fetched" in done.stderr
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    succeed("fetch-tracers", "3.13", "--libc", "musl", "--machine", "aarch64")
    assert_explained(attach("fetch-tracers", "3.8"), 1, "[tracer-unavailable]", "PIP_INDEX_URL")
    listed = [line.split() for line in succeed("fetch-tracers", "--list").stdout.splitlines()]
    assert [line[:3] for line in listed] == [
        ["PYTHON", "COVERAGE", "LIBC"],
        ["3.9", "7.10.7", "glibc"],
        ["3.13", "7.17.3", "musl"],
    ]
    assert {Path(line[4]).parent for line in listed[1:]} == {cache}


def test_shown_from_the_first_moment(cache: Path) -> None:
    """On a terminal a download counts its seconds, and the line is gone at its end."""
    terminal = pexpect.spawn(sys.executable, ["-m", "attach", "fetch-tracers", "3.10"], timeout=60, encoding="utf-8")
    terminal.expect_exact("Fetching coverage.py 7.16.2's tracer for Python 3.10 ... 0 s")
    terminal.expect_exact("\x1b[K")
    terminal.expect_exact("Python 3.10: fetched")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.exitstatus == 0


def test_unknown_versions() -> None:
    """A version that has no tracer is a usage error that lists those that have."""
    for version in ("3.7", "3", "three"):
        assert_explained(attach("fetch-tracers", version), 2, version, "3.8, 3.9")
