"""What the files of a target are called in its reports."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from coverage.files import PathAliases, relative_filename

if TYPE_CHECKING:
    from coverage import Coverage

    from attach.report.settings import Settings


def aliases(coverage: Coverage, settings: Settings | None) -> PathAliases:
    """The configuration's ``[paths]``: where the operator has the sources of the target's paths."""
    found = PathAliases(relative=bool(coverage.get_option("run:relative_files")))
    paths = cast("dict[str, list[str]]", coverage.get_option("paths"))
    if settings is not None:
        paths = settings.absolute_paths()
    for result, *patterns in paths.values():
        for pattern in patterns:
            found.add(pattern, result)
    return found


def settle(coverage: Coverage) -> None:
    """Keep coverage from looking up names, which are the target's, in the operator's file system."""
    coverage.set_option("paths", {})
    coverage.set_option("run:relative_files", True)
    source = cast("list[str] | None", coverage.get_option("run:source"))
    if source:
        absolute = [os.path.realpath(folder) if os.path.isdir(folder) else folder for folder in source]
        coverage.set_option("run:source", absolute)


def relative_name(path: str, settings: Settings | None) -> str:
    """A name of ``[run] relative_files``: below the project's folder, or the working directory."""
    folder = os.path.join(settings.base, "") if settings is not None else ""
    return path[len(folder) :] if folder and path.startswith(folder) else relative_filename(path)
