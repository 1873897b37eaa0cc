"""The interpreters that the tests find are what they say."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import interpreters
from tests.support.interpreters import Interpreter, find_interpreter, identify, unavailable


@pytest.fixture
def own_minor() -> str:
    """The version that runs the tests."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(autouse=True)
def _searches_anew() -> Iterator[None]:
    find_interpreter.cache_clear()
    yield
    find_interpreter.cache_clear()


def write_program(path: Path, text: str) -> Path:
    """An executable script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_interpreter_is_of_its_version(interpreter: Interpreter) -> None:
    """An interpreter runs, and is the version that it was asked for."""
    assert identify(interpreter.path) == interpreter
    assert interpreter.release.startswith(f"{interpreter.minor}.")


def test_what_is_no_cpython_release_is_refused(tmp_path: Path) -> None:
    """Other implementations, debug and free-threaded builds and broken programs are no interpreters."""
    for identity in ("pypy 3.9 - 3.9.1", "cpython 3.13 t 3.13.0", "cpython 3.13 d 3.13.0", ""):
        assert identify(write_program(tmp_path / "python", f"echo '{identity} /bin/x'")) is None
    assert identify(write_program(tmp_path / "python", "exit 1")) is None
    assert identify(tmp_path / "missing") is None


def test_a_link_leads_to_the_interpreter_itself(tmp_path: Path, own_minor: str) -> None:
    """An interpreter found through a wrapper, as pyenv's shims are, is named by its own path."""
    wrapper = write_program(tmp_path / "python", f'exec "{sys.executable}" "$@"')
    found = identify(wrapper)
    assert found is not None
    assert found.minor == own_minor
    assert found.path == Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))


def test_the_environment_variable_replaces_the_search(monkeypatch: pytest.MonkeyPatch, own_minor: str) -> None:
    """With LIVE_ATTACH_PYTHONS there is no interpreter but those it names."""
    monkeypatch.setenv("LIVE_ATTACH_PYTHONS", f"/nowhere/python:{sys.executable}")
    found = [minor for minor in interpreters.MINORS if find_interpreter(minor)]
    assert found == [own_minor]


def test_pyenv_gives_the_newest_patch_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """3.12.10 comes before 3.12.9, and a free-threaded or unfinished build is not looked at."""
    for name in ("3.12.9", "3.12.10", "3.12.11t", "3.12-dev"):
        folder = tmp_path / "versions" / name / "bin"
        folder.mkdir(parents=True)
        answer = f"cpython 3.12 - {name} /{name}"
        write_program(folder / "python3.12", f"echo '{answer}'")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.delenv("LIVE_ATTACH_PYTHONS", raising=False)
    assert find_interpreter("3.12") == Interpreter("3.12", "3.12.10", Path("/3.12.10"))


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]) -> None:
    """What a machine lacks is a skip with its name, and a failure where everything must be there."""
    monkeypatch.setenv("LIVE_ATTACH_REQUIRE_ALL", required)
    with pytest.raises(outcome, match=r"CPython 3\.9 is not on this machine"):
        unavailable("CPython 3.9 is not on this machine")
