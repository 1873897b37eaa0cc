"""Configurations are read as coverage.py reads them, and as data only."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from attach.project.reading import NotReadable, read
from attach.report.settings import KINDS, BadSettings, Settings

TOML = b'[tool.coverage.run]\nsource = ["shop"]\nbranch = true\n[tool.coverage.report]\nprecision = 2\n'
INI = b"[coverage:run]\nomit = a/*\n    b/*\n"
INI += b"[coverage:report]\nexclude_also = def never\n[coverage:paths]\nx = src\n  /old\n"
OWN = b"[run]\ninclude = $NAME/*,other\nplugins = nothing.that.exists\ndata_file = ~/x\n"
OWN += b"[nothing.that.exists]\noption = 1\n"


def values(files: dict[str, bytes], **environment: str) -> tuple[str, dict[str, object]]:
    """What is read from these files."""
    settings = read(files, environment, "/srv/shop")
    assert settings is not None
    return settings.file, dict(settings.values)


def test_files_are_chosen_as_by_coverage() -> None:
    """The first file with settings counts; one of another tool without any is passed over."""
    assert values({"pyproject.toml": TOML}) == (
        "/srv/shop/pyproject.toml",
        {"run:branch": True, "run:source": ["shop"], "report:precision": 2},
    )
    file, found = values({"pyproject.toml": TOML, "setup.cfg": INI, "tox.ini": b"[tox]\n"})
    assert file == "/srv/shop/setup.cfg" and found["run:omit"] == ["a/*", "b/*"]
    assert "def never" in found["report:exclude_lines"]  # type: ignore[operator]
    assert values({".coveragerc": b"", "pyproject.toml": TOML}) == ("/srv/shop/.coveragerc", {})
    assert read({"setup.cfg": b"[metadata]\n# no coverage"}, {}, "/srv/shop") is None


def test_every_setting_is_one_of_coverage() -> None:
    """Each setting that we know exists in coverage.py, and differs from its default only where the file says so."""
    from coverage.config import CoverageConfig

    for name in KINDS:
        CoverageConfig().get_option(name)
    assert values({".coveragerc": b"[run]\nparallel = True\nsigterm = False\n"})[1] == {}


def test_variables_are_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """$NAME and ~ stand for the process's environment, and never for the operator's."""
    monkeypatch.setenv("SECRET", "the operator's")
    found = values({".coveragerc": OWN + b"[html]\ntitle = <$SECRET>\n"}, NAME="shop", HOME="/home/shop")[1]
    assert found["run:include"] == ["shop/*", "other"]
    assert found["run:data_file"] == "/home/shop/x"
    assert found["html:title"] == "<>"


def test_plugins_are_named_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in that a file names is not imported here, not even if it is there; its options are known."""
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = read({".coveragerc": b"[run]\nplugins = trap\n[trap]\noption = 1\n"}, {}, "/srv")
    assert settings is not None
    assert settings.wanted_plugins() == (("trap", (("option", "1"),)),)
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("name", ["coverage.py", "json.py", "named", "sitecustomize.py"])
def test_no_file_is_taken_for_code(name: str, tmp_path: Path) -> None:
    """A configuration with the name of a module is not imported by the process that reads it."""
    trap = f"open({str(tmp_path / 'imported')!r}, 'w')\n".encode()
    with pytest.raises(NotReadable):
        read({name: trap}, {"PYTHONPATH": "."}, "/srv", named=f"/srv/{name}")
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"[run\n",
        b"[run]\nbranch = perhaps\n",
        b"[report]\nexclude_also = (\n",
        b"[run]\nconcurrency = magic\n",
        b"[run]\nsource = ${MISSING?}\n",
        b"\xff\xfe[run]\n",
        b"[html]\ntitle = " + b"x" * (1 << 19) + b"\n",
    ],
)
def test_what_makes_no_sense_is_refused(content: bytes) -> None:
    """A file that coverage.py refuses is refused, with its reason and without our own folders."""
    with pytest.raises(NotReadable) as refused:
        read({".coveragerc": content}, {}, "/srv")
    assert "Traceback" not in str(refused.value) and "attach-" not in str(refused.value)


def test_deep_nesting_ends() -> None:
    """A file made to exhaust its reader does so in a process of its own."""
    with pytest.raises(NotReadable):
        read({"pyproject.toml": b"coverage = " + b"[" * 100_000}, {}, "/srv")


def test_names_that_coverage_does_not_know() -> None:
    """A misspelt setting is told, in coverage.py's words."""
    settings = read({".coveragerc": b"[run]\nbranches = True\n"}, {}, "/srv")
    assert settings is not None and any("branches" in warning for warning in settings.warnings)


def test_settings_come_back() -> None:
    """What is left with the agent is what comes back."""
    settings = read({"setup.cfg": INI}, {}, "/srv/shop")
    assert settings is not None
    assert Settings.from_text(settings.text()) == settings
    assert settings.absolute_paths() == {"x": ["/srv/shop/src", "/old"]}
    assert settings.patterns("run:omit") == ["/srv/shop/a/*", "/srv/shop/b/*"]


@pytest.mark.parametrize(
    "values",
    [
        '{"run:data_file": 5}',
        '{"run:command_line": "rm"}',
        '{"run:source": "shop"}',
        '{"run:source": [1]}',
        '{"report:precision": true}',
        '{"report:exclude_lines": ["("]}',
        "[]",
        "null",
        "[" * 100_000,
    ],
)
def test_settings_from_a_hostile_agent(values: str) -> None:
    """What no file of settings can be is refused when it comes from the process."""
    text = f'{{"file": "/f", "base": "/", "values": {values}, "paths": {{}}, "plugins": {{}}}}'
    with pytest.raises(BadSettings):
        Settings.from_text(text)
    for other in ("", "{}", "x" * (1 << 20), text.replace('"/"', '"relative"')):
        with pytest.raises(BadSettings):
            Settings.from_text(other)


def test_the_reader_is_coverages_own(tmp_path: Path) -> None:
    """Sources, patterns and switches are those that `coverage debug config` shows for the same file."""
    (tmp_path / "setup.cfg").write_bytes(INI)
    done = subprocess.run(
        [sys.executable, "-m", "coverage", "debug", "config"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = values({"setup.cfg": INI})[1]
    shown = done.stdout
    for pattern in found["run:omit"]:  # type: ignore[attr-defined]
        assert re.search(rf"run_omit: .*{re.escape(pattern)}|^ +{re.escape(pattern)}$", shown, re.MULTILINE), shown
    assert os.path.basename(values({"setup.cfg": INI})[0]) in shown
