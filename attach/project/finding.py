"""Which configuration file is the target's project's, read as the target sees it and with its rights.

coverage.py looks into the working directory, and so do we first. But many servers are started from elsewhere: then the
folder of the program counts, and the one that its package lies in.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence

from attach.errors import ConfigurationNotUsable
from attach.process import Process
from attach.project.reading import NotReadable, read
from attach.report.rights import owner_of
from attach.report.settings import Settings
from attach.report.sources import read_files, read_local

#: The files that coverage.py tries, and whether they are its own: in others, settings have to be found.
FILES = {".coveragerc": True, ".coveragerc.toml": True, "setup.cfg": False, "tox.ini": False, "pyproject.toml": False}

#: A line that may begin settings of coverage.py: a section or a key, unlike the name of a package that is required.
_SETTINGS = re.compile(rb"""^\s*\[*\s*(tool\s*\.\s*)?["']?coverage["']?\s*[.:\]=]""", re.MULTILINE)

#: Variables of coverage.py that count here; others are for its developers, or name files that we read ourselves.
_VARIABLES = ("COVERAGE_FILE",)


def find(process: Process, folders: Sequence[str]) -> Settings | None:
    """The configuration of the project that `process` runs, None if it has none.

    `folders` are more places than its working directory, tried in that order. A file that its environment names
    (``COVERAGE_RCFILE``) goes before. Raises ConfigurationNotUsable.
    """
    environment = _environment(process)
    named = environment.get("COVERAGE_RCFILE")
    if named:
        return _named_there(process, named, environment)
    for folder in dict.fromkeys((process.cwd, *folders)):
        paths = {posixpath.join(folder, name): name for name in FILES}
        found = read_files(_root(process), owner_of(process.pid), paths)
        files = {
            name: content
            for path, name in paths.items()
            if (content := found[path].content) is not None and (FILES[name] or _SETTINGS.search(content))
        }
        if files:
            settings = _read(process, files, environment, folder)
            if settings is not None:
                return settings
    return None


def read_named(process: Process, path: str) -> Settings:
    """The configuration in the file `path`: the operator's, or if there is none, the target's own of that name.

    Relative names in it count from the target's working directory, as with ``coverage run --rcfile`` there. Raises
    ConfigurationNotUsable.
    """
    environment = _environment(process)
    if not os.path.exists(path) and process.sees_other_files():
        return _named_there(process, path, environment)
    return _read_named(process, os.path.abspath(path), read_local(path).content, environment)


def _named_there(process: Process, path: str, environment: dict[str, str]) -> Settings:
    absolute = posixpath.normpath(posixpath.join(process.cwd, path))
    found = read_files(_root(process), owner_of(process.pid), [absolute])[absolute]
    return _read_named(process, absolute, found.content, environment)


def _read_named(process: Process, path: str, content: bytes | None, environment: dict[str, str]) -> Settings:
    if content is None:
        raise ConfigurationNotUsable(process.pid, path, "it cannot be read")
    name = "named.toml" if path.endswith(".toml") else "named"
    settings = _read(process, {name: content}, environment, process.cwd, path)
    assert settings is not None  # a file that is named is used, whatever it says
    return settings


def _read(
    process: Process, files: dict[str, bytes], environment: dict[str, str], folder: str, named: str = ""
) -> Settings | None:
    try:
        return read(files, environment, folder, named)
    except NotReadable as error:
        raise ConfigurationNotUsable(process.pid, named or folder, str(error)) from None


def _root(process: Process) -> str:
    return process.root if process.sees_other_files() else "/"


def _environment(process: Process) -> dict[str, str]:
    """The variables that the program was started with (proc_pid_environ(5)), without those of coverage.py's insides."""
    try:
        pairs = [pair.partition(b"=") for pair in process.read("environ").split(b"\0")]
    except PermissionError:
        return {}
    found = {os.fsdecode(name): os.fsdecode(value) for name, equals, value in pairs if name and equals}
    return {
        name: value
        for name, value in found.items()
        if not name.startswith("COVERAGE_") or name in (*_VARIABLES, "COVERAGE_RCFILE")
    }
