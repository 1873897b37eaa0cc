"""Where coverage.py's modules for another version of Python come from."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from pathlib import Path

import pytest

from attach.errors import AnalysisUnavailable
from attach.report.analysis import releases
from attach.wheels import release

VERSION = (3, 8)
MODULES = {"parser": "PARSER = 1\n", "env": "ENV = 1\n"}


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a folder that pip takes wheels from, not from an index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def wheel(index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel in the index that passes for the release."""
    wheel = put_wheel(index)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setitem(releases.DIGESTS, release(VERSION), digest)
    return wheel


def put_wheel(index: Path) -> Path:
    """A wheel of that name without compiled parts, as PyPy takes it."""
    number = release(VERSION)
    info = f"coverage-{number}.dist-info"
    wheel = index / f"coverage-{number}-pp38.pp39-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: coverage\nVersion: {number}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: pp38-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
        archive.writestr("coverage/htmlfiles/x.py", "no module of the package")
        for name, text in MODULES.items():
            archive.writestr(f"coverage/{name}.py", text)
    return wheel


def test_downloaded_once(wheel: Path) -> None:
    """What pip has brought stays in the cache, readable for its owner alone, and is not asked for again."""
    assert not releases.available(VERSION)
    assert releases.modules(VERSION) == MODULES
    wheel.unlink()
    assert releases.available(VERSION)
    assert releases.modules(VERSION) == MODULES
    assert stat.S_IMODE(releases._place(VERSION).stat().st_mode) == 0o600


def test_our_own_comes_first() -> None:
    """Of a version that the operator's coverage.py is for, its own modules are taken, without pip."""
    found = releases.modules((3, 13))
    assert {"parser", "env", "phystokens", "regions"} <= set(found)


def test_unreachable_index() -> None:
    """Without a package index the reason has pip's last words, and nothing is kept."""
    with pytest.raises(AnalysisUnavailable, match="pip says: ERROR"):
        releases.modules(VERSION)
    assert not releases._place(VERSION).exists()


def test_another_wheel(index: Path) -> None:
    """A wheel of the same name that is not what was released is refused, and nothing is kept."""
    put_wheel(index)
    with pytest.raises(AnalysisUnavailable, match="not what was released"):
        releases.fetch(VERSION)
    assert not releases._place(VERSION).exists()


@pytest.mark.parametrize("damage", ["content", "mode", "link"])
def test_the_cache_is_used_only_if_it_is_ours(wheel: Path, damage: str) -> None:
    """What is damaged, or could have been written by somebody else, is fetched again."""
    path = releases.fetch(VERSION)
    if damage == "content":
        path.write_bytes(path.read_bytes()[:-2] + b"}}")
    elif damage == "mode":
        path.chmod(0o622)
    else:
        path.rename(path.with_suffix(".other"))
        path.symlink_to(path.with_suffix(".other"))
    assert not releases.available(VERSION)
    assert releases.modules(VERSION) == MODULES
