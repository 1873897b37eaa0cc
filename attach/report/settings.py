"""coverage.py's settings of a project, as plain values: what a configuration file says, without the file.

They are read by ``attach.project``, kept by the agent as text, and applied to each report. On the way back they come
from the target. So the names are those of `KINDS`, the values of their kinds, and what could make an operator with more
rights read or overwrite a file that the target may not (`PLACES`, ``[html] extra_css``) takes no part in it.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coverage import Coverage

#: The settings that mean something to a live process, and their kinds; lists are of strings.
KINDS: dict[str, type] = {
    "run:branch": bool,
    "run:context": str,
    "run:core": str,
    "run:cover_pylib": bool,
    "run:data_file": str,
    "run:dynamic_context": str,
    "run:include": list,
    "run:omit": list,
    "run:patch": list,
    "run:plugins": list,
    "run:relative_files": bool,
    "run:sigterm": bool,
    "run:source": list,
    "run:source_dirs": list,
    "run:source_pkgs": list,
    "report:contexts": list,
    "report:exclude_lines": list,
    "report:fail_under": float,
    "report:format": str,
    "report:ignore_errors": bool,
    "report:include": list,
    "report:omit": list,
    "report:partial_branches": list,
    "report:partial_branches_always": list,
    "report:precision": int,
    "report:show_missing": bool,
    "report:skip_covered": bool,
    "report:skip_empty": bool,
    "report:sort": str,
    "html:directory": str,
    "html:extra_css": str,
    "html:show_contexts": bool,
    "html:skip_covered": bool,
    "html:skip_empty": bool,
    "html:title": str,
    "json:output": str,
    "json:pretty_print": bool,
    "json:show_contexts": bool,
    "lcov:line_checksums": bool,
    "lcov:output": str,
    "xml:output": str,
    "xml:package_depth": int,
}
#: Where reports go: honoured only where the target could write itself.
PLACES = frozenset({"run:data_file", "html:directory", "json:output", "lcov:output", "xml:output"})
#: Lists of patterns, of which a relative one counts from the project's folder.
PATTERNS = frozenset({"run:include", "run:omit", "report:include", "report:omit"})
#: What cannot be had from a live process, although somebody who set it may expect it.
NOT_HONOURED = {
    "run:dynamic_context": "contexts that change with the test need coverage run",
    "run:patch": "other processes are attached to one by one",
    "run:sigterm": "what was recorded ends with the process: take a snapshot before",
    "report:contexts": "lines are not recorded by context",
    "html:extra_css": "give the file itself to snapshot, with --rcfile",
}
_RUN = frozenset(name for name in KINDS if name.startswith("run:"))
_APPLIED = (KINDS.keys() - _RUN - NOT_HONOURED.keys() - PLACES) | {"run:relative_files"}

_LARGEST = 1 << 18  # characters of all settings together
_LONGEST_SHOWN = 60


class BadSettings(ValueError):
    """This text is none that `Settings.text` gives."""


@dataclass(frozen=True)
class Settings:
    """What the configuration file `file` says, as far as it differs from coverage.py's defaults.

    `base` is the project's folder, from which relative names count. `plugins` are the options of each plugin that the
    file names. `warnings` are coverage.py's about the file, for who has it read.
    """

    file: str
    base: str
    values: Mapping[str, Any] = field(default_factory=dict)
    paths: Mapping[str, Sequence[str]] = field(default_factory=dict)
    plugins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def text(self) -> str:
        """All of it, for the agent to keep."""
        return json.dumps(
            {
                "file": self.file,
                "base": self.base,
                "values": dict(self.values),
                "paths": {name: list(paths) for name, paths in self.paths.items()},
                "plugins": {name: dict(options) for name, options in self.plugins.items()},
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Settings:
        """The inverse of `text`, for a text that anybody may have written. Raises BadSettings."""
        if len(text) > _LARGEST:
            raise BadSettings("too long")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise BadSettings("not what we have left there") from None
        if not _is_dictionary(found, lambda _: True) or found.keys() != {"file", "base", "values", "paths", "plugins"}:
            raise BadSettings("not what we have left there")
        values, paths, plugins = found["values"], found["paths"], found["plugins"]
        sound = (
            type(found["file"]) is str
            and type(found["base"]) is str
            and found["base"].startswith("/")
            and _is_dictionary(values, lambda _: True)
            and _is_dictionary(paths, _is_list)
            and all(paths.values())
            and _is_dictionary(plugins, lambda options: _is_dictionary(options, lambda value: type(value) is str))
        )
        if not sound:
            raise BadSettings("not what we have left there")
        for name, value in values.items():
            _check(name, value)
        return cls(**found)

    def __getitem__(self, name: str) -> Any:
        """A setting, or an empty value of its kind."""
        value = self.values.get(name)
        return KINDS[name]() if value is None else value

    def patterns(self, name: str) -> list[str]:
        """The patterns of a setting, those of them that are relative below the project's folder."""
        return [
            pattern if pattern.startswith(("*", "?")) else posixpath.normpath(posixpath.join(self.base, pattern))
            for pattern in self[name]
        ]

    def wanted_plugins(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        """The modules of plug-ins, each with its options."""
        return tuple((name, tuple(self.plugins.get(name, {}).items())) for name in self["run:plugins"])

    def absolute_paths(self) -> dict[str, list[str]]:
        """``[paths]``; the first of each, to which the others lead, is below the project's folder if it is relative."""
        return {
            name: [posixpath.normpath(posixpath.join(self.base, result)), *patterns]
            for name, (result, *patterns) in self.paths.items()
        }

    def apply(self, coverage: Coverage, *, places: bool) -> None:
        """Set what is about reports; `places` too, if they may say where reports go.

        With relative files, names in reports and in patterns are both relative to the project's folder.
        """
        for name, value in self.values.items():
            if name in PATTERNS and name in _APPLIED and not self["run:relative_files"]:
                coverage.set_option(name, self.patterns(name))
            elif name == "run:source":
                coverage.set_option(name, [posixpath.normpath(posixpath.join(self.base, item)) for item in value])
            elif name in _APPLIED or (places and name in PLACES):
                coverage.set_option(name, value)

    def without(self, names: Sequence[str]) -> Settings:
        """The same but for some settings, which an option of the command line replaces."""
        return replace(self, values={name: value for name, value in self.values.items() if name not in names})

    def not_honoured(self) -> list[str]:
        """Sentences about what will not have the effect on the measurement that its author expects."""
        return [_no_effect(name, NOT_HONOURED[name]) for name in self.values if name in NOT_HONOURED.keys() & _RUN]

    def not_reported(self, *, places: bool) -> list[str]:
        """The same about the reports; `places` as in `apply`."""
        told = [_no_effect(name, NOT_HONOURED[name]) for name in self.values if name in NOT_HONOURED.keys() - _RUN]
        if not places:
            told += [_no_effect(name, "name the place on the command line") for name in self.values if name in PLACES]
        return told

    def summary(self) -> str:
        """One line: where it is, and what it says."""
        run = [
            _item(name.partition(":")[2], value)
            for name, value in self.values.items()
            if name in _RUN and name not in NOT_HONOURED.keys() | PLACES
        ]
        reports = self._of_reports()
        parts = [", ".join(run)] if run else []
        parts += [f"for reports {reports}"] if reports else []
        return f"{nearby(self.file)}: {'; '.join(parts) or 'nothing that matters here'}"

    def summary_of_reports(self) -> str:
        """The same about the reports, empty if it says nothing about them."""
        reports = self._of_reports()
        return f"{nearby(self.file)}: {reports}" if reports else ""

    def _of_reports(self) -> str:
        said = [
            name.partition(":")[2] if type(value) is list else _item(name.partition(":")[2], value)
            for name, value in self.values.items()
            if name not in NOT_HONOURED.keys() | _RUN
        ]
        return ", ".join(dict.fromkeys([*said, "paths"] if self.paths else said))


def nearby(path: str) -> str:
    """`path` as somebody who stands in the working directory names it, where it lies below."""
    try:
        here = os.path.join(os.getcwd(), "")
    except FileNotFoundError:  # it was deleted
        return path
    return path[len(here) :] if path.startswith(here) else path


def _item(option: str, value: Any) -> str:
    if value is True:
        return option
    text = ",".join(value) if type(value) is list else str(value)
    return f"{option}={text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + '...'}"


def _no_effect(name: str, reason: str) -> str:
    section, _, option = name.partition(":")
    return f"[{section}] {option} has no effect: {reason}"


def _check(name: str, value: Any) -> None:
    kind = KINDS.get(name)
    if kind is None or not (_is_list(value) if kind is list else type(value) is kind):
        raise BadSettings(f"{name[:100]!r} is no setting, or its value of the wrong kind")
    if name.startswith(("report:exclude", "report:partial")):
        for expression in value:
            try:
                re.compile(expression)
            except (re.error, OverflowError, RecursionError):
                raise BadSettings(f"an expression of {name}") from None


def _is_list(value: Any) -> bool:
    return type(value) is list and all(type(item) is str for item in value)


def _is_dictionary(value: Any, is_sound: Callable[[Any], bool]) -> bool:
    return type(value) is dict and all(map(is_sound, value.values()))
