"""The files of the sources that were named of which nothing ran: reports show them too, as coverage.py's do."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from attach.report.rights import with_rights_of
from attach.report.sources import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attach.report.data import Owner

#: Files that are found at most: a hostile target may name any folder.
MOST = 50_000

#: What coverage.py takes for a module (coverage/files.py, find_python_files); editors leave files of other names.
_MODULE = re.compile(r"[^.#~!$@%^&*()+=,]+\.pyw?")
_INSTALLED = ("site-packages", "dist-packages")


def find(root: str, owner: Owner | None, places: Iterable[str], omit: Sequence[str]) -> list[str]:
    """The modules below `places`, folders or files of the target's file system `root`, that `omit` does not match.

    Folders inside count if they are packages. All is looked at with the rights of `owner`; what cannot be read is
    passed over. `omit` are regular expressions for the beginning of a path.
    """
    omitted = [re.compile(expression) for expression in omit]
    try:
        descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:  # the process has ended
        return []
    try:
        found = with_rights_of(owner, lambda: _first(_modules(descriptor, places)))
    except PermissionError:
        return []
    finally:
        os.close(descriptor)
    return [path for path in found if not any(expression.match(path) for expression in omitted)]


def _first(paths: Iterator[str]) -> list[str]:
    return [path for path, _ in zip(paths, range(MOST), strict=False)]


def _modules(root: int, places: Iterable[str]) -> Iterator[str]:
    for place in places:
        try:
            descriptor, path = walk(root, place)
        except OSError:
            continue
        try:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                yield from _inside(descriptor, path)
            else:
                yield path
        finally:
            os.close(descriptor)


def _inside(top: int, path: str) -> Iterator[str]:
    for folder, folders, files, descriptor in os.fwalk(".", dir_fd=top):
        folders[:] = [name for name in folders if name not in _INSTALLED and _is_package(descriptor, name)]
        for name in files:
            if _MODULE.fullmatch(name):
                yield os.path.normpath(os.path.join(path, folder, name))


def _is_package(descriptor: int, name: str) -> bool:
    try:
        os.stat(f"{name}/__init__.py", dir_fd=descriptor)
    except OSError:
        return False
    return True
