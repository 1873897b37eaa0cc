"""The file that an operator means, found among those whose code is loaded."""

from __future__ import annotations

import posix
import sys

from ...errors import AgentError
from ...paths import resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: Names that an error message shows.
SHOWN = 5


def canonical(filename: str) -> str:
    """The path of a ``co_filename`` with all symbolic links resolved; ``<string>`` and the like stay as they are."""
    if filename[:1] == "/":
        return resolved(filename)
    if not filename or filename[0] == "<":
        return filename
    # relative to a directory that the process has left since, perhaps
    for base in _bases():
        path = base.rstrip("/") + "/" + filename
        if _exists(path):
            return resolved(path)
    return filename


def find(typed: str, names: Iterable[str]) -> str:
    """The `canonical` name of the file that `typed` means, out of `names`, or on the disk for a later import.

    Raises AgentError ``ambiguous-file`` and ``unknown-file``.
    """
    names = set(names)
    if typed in names:
        return canonical(typed)
    path = canonical(typed)
    # a link may have another name than its target; then the file has to be named as it is there, or in full
    last = {typed.rpartition("/")[2], path.rpartition("/")[2]}
    near = {canonical(name) for name in names if name.rpartition("/")[2] in last}
    if path in near:
        return path
    tail = "/" + _plain(typed)
    ends = sorted(name for name in near if ("/" + name).endswith(tail)) if typed[:1] != "/" else []
    if len(ends) > 1:
        raise AgentError("ambiguous-file", "%s may be any of: %s" % (typed, _some(ends)))
    if ends:
        return ends[0]
    if path[:1] == "/" and _exists(path):
        return path
    for folder in list(sys.path):
        if type(folder) is str and typed[:1] != "/" and _exists(folder.rstrip("/") + tail):
            return resolved(folder.rstrip("/") + tail)
    message = "no code of %s is loaded, and there is no such file" % typed
    similar = _similar(typed, names)
    raise AgentError("unknown-file", message + ("; loaded are: %s" % _some(similar) if similar else ""))


def _bases() -> list[str]:
    bases = []
    try:
        bases.append(posix.getcwd())
    except OSError:  # it was removed
        pass
    first = posix.environ.get(b"PWD", b"").decode(sys.getfilesystemencoding(), "surrogateescape")
    if first[:1] == "/":
        bases.append(first)
    if sys.path and type(sys.path[0]) is str and sys.path[0][:1] == "/":
        bases.append(sys.path[0])
    return bases


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except (OSError, ValueError):
        return False
    return True


def _plain(typed: str) -> str:
    """Without the steps that go nowhere."""
    return "/".join(part for part in typed.split("/") if part not in ("", "."))


def _similar(typed: str, names: Iterable[str]) -> list[str]:
    """Files of the same name elsewhere, else those whose names begin or end alike."""
    last = typed.rpartition("/")[2]
    stem = last.rpartition(".")[0] or last
    own = [(name, name.rpartition("/")[2]) for name in names]
    same = [name for name, end in own if end == last]
    alike = [name for name, end in own if len(stem) > 2 and (end[:3] == stem[:3] or end.endswith(stem[-3:] + ".py"))]
    return sorted(same or alike, key=len)


def _some(names: list[str]) -> str:
    more = ", and %d more" % (len(names) - SHOWN) if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
