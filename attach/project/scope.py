"""What is measured: the options of the command line, and where they say nothing, the project's configuration."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attach.errors import ConfigurationNotUsable, OptionNotUsable
from attach.process import Process
from attach.report.settings import Settings

#: What measures: ``sys.monitoring``, coverage.py's C tracer, or probes in the code itself; ``auto`` is one of the first
#: two, whichever costs the process less.
CORES = ("auto", "monitoring", "ctracer", "probes")


@dataclass(frozen=True)
class Scope:
    """What is measured. Patterns and names mean what they mean to coverage.py (its ``[run]`` section).

    What is empty, or None, is left to the project's configuration. `core` is one of `CORES`.
    """

    source: Sequence[str] = ()
    include: Sequence[str] = ()
    omit: Sequence[str] = ()
    pylib: bool = False
    branch: bool | None = None
    core: str = "auto"

    def replaced(self) -> list[str]:
        """The settings that these options replace."""
        options = {
            "run:source": self.source,
            "run:include": self.include,
            "run:omit": self.omit,
            "run:branch": self.branch is not None,
            "run:core": self.core != "auto",
        }
        return [name for name, given in options.items() if given]


#: coverage.py's names of its cores, and ours.
NAMES_OF_CORES = {"ctrace": "ctracer", "sysmon": "monitoring"}

#: What the project's configuration says, else all that coverage.py would measure.
DEFAULT = Scope()


def agent_options(process: Process, scope: Scope, settings: Settings | None) -> tuple[tuple[str, Any], ...]:
    """What is measured as the agent takes it: directories of the target, package names, regular expressions.

    Raises OptionNotUsable, ConfigurationNotUsable.
    """
    directories: list[str] = []
    packages: list[str] = []
    if scope.source:  # what needs no directory of the operator's works without one, too
        directories, packages = _sources(process, scope.source, (os.getcwd(), process.cwd))
    include, omit = _of_operator(scope.include), _of_operator(scope.omit)
    pylib, branch, core = scope.pylib, bool(scope.branch), scope.core
    if settings is not None:
        if not scope.source:
            directories, packages = _sources(process, settings["run:source"], (settings.base,))
        packages += settings["run:source_pkgs"]
        for source in settings["run:source_dirs"]:
            path = _directory(process, source, (settings.base,))
            if path is None:
                raise ConfigurationNotUsable(process.pid, settings.file, f"source_dirs: {source!r} is no directory")
            directories.append(path)
        include = include or settings.patterns("run:include")
        omit = omit or settings.patterns("run:omit")
        pylib = pylib or settings["run:cover_pylib"]
        branch = settings["run:branch"] if scope.branch is None else branch
        core = NAMES_OF_CORES.get(settings["run:core"], "auto") if core == "auto" else core
    directories, packages = list(dict.fromkeys(directories)), list(dict.fromkeys(packages))
    named = {"source": directories + packages, "include": include, "omit": omit}
    label = [f"{name}={','.join(values)}" for name, values in named.items() if values]
    label += [name for name, given in (("pylib", pylib), ("branch", branch)) if given]
    if scope.core != "auto":
        label.append(f"core={scope.core}")
    return (
        ("source_dirs", tuple(directories)),
        ("source_pkgs", tuple(packages)),
        ("include", _regexes(include)),
        ("omit", _regexes(omit)),
        ("pylib", pylib),
        ("branch", branch),
        ("core", core),
        ("label", ", ".join(label) or "no options"),
        ("plugins", () if settings is None else settings.wanted_plugins()),
        ("settings", "" if settings is None else settings.without(scope.replaced()).text()),
    )


def _sources(process: Process, sources: Sequence[str], bases: Sequence[str]) -> tuple[list[str], list[str]]:
    """Directories, and what is none: names of packages."""
    directories, packages = [], []
    for source in sources:
        directory = _directory(process, source, bases)
        if directory is not None:
            directories.append(directory)
        else:
            packages.append(source)
    return directories, packages


def _directory(process: Process, source: str, bases: Sequence[str]) -> str | None:
    """The directory of the target that `source` names, relative to the first of `bases` where there is one."""
    for base in bases:
        path = posixpath.normpath(posixpath.join(base, source))
        if _is_directory(process, path):
            return path
    return None


def _is_directory(process: Process, path: str) -> bool:
    """Whether `path`, absolute, is a directory in the target's file system, whose links lead below its own root."""
    if not process.sees_other_files():
        return os.path.isdir(path)
    from attach.report.sources import walk

    try:
        root = os.open(process.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found, _ = walk(root, path)
        finally:
            os.close(root)
    except OSError:
        return False
    try:
        return stat.S_ISDIR(os.fstat(found).st_mode)
    finally:
        os.close(found)


def _of_operator(patterns: Sequence[str]) -> list[str]:
    """The operator's patterns: a relative one counts from where the operator stands."""
    if not patterns:
        return []
    from coverage.files import prep_patterns

    return prep_patterns(patterns)


def _regexes(patterns: Sequence[str]) -> tuple[str, ...]:
    """coverage.py's globs, absolute ones, as one regular expression."""
    if not patterns:
        return ()
    from coverage.exceptions import ConfigError
    from coverage.files import globs_to_regex

    try:
        return (globs_to_regex(patterns).pattern,)
    except ConfigError as error:
        raise OptionNotUsable(str(error)) from None
