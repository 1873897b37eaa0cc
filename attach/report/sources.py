"""Reading the sources that a target ran: as it sees them, and with no more rights than it has.

A target names its files itself, and a report shows their text. So a hostile one could name a file that only
the operator may read, or put a symbolic link in its way. Therefore a path is walked one component at a time
below the target's root, links are followed as text within that root (openat(2) with O_NOFOLLOW; never the
kernel's own following, so /proc's magic links lead nowhere), only regular files are opened, and if the
operator is root and the target is not, the kernel is asked with the target's own user and groups
(setfsuid(2)).
"""

from __future__ import annotations

import errno
import os
import stat
import tokenize
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from attach.report.rights import owner_of, with_rights_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attach.report.data import Measured, Owner

#: Bytes of one source, and of all together.
MAX_SOURCE = 16 << 20
MAX_SOURCES = 512 << 20
#: Links followed in one path, as the kernel's limit (path_resolution(7)).
MAX_LINKS = 40
#: Slack in seconds for "changed since the start": the start is known to a clock tick, file times to a jiffy.
CLOCK_SLACK = 0.05

_WALK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Source:
    """One source file. `path` is the target's, links resolved; `content` is None if it has a `problem`."""

    path: str
    content: bytes | None
    problem: str = ""
    changed: bool = False


def decoded(content: bytes) -> str:
    """The text of a Python source, as coverage (python.py, get_python_source) makes it.

    Raises:
        SyntaxError: it declares an encoding that does not exist.
    """
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\f", b" ")
    encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    text = content.decode(encoding, "replace")
    return text if text.endswith("\n") or not text else text + "\n"


def read_sources(measured: Measured, paths: Iterable[str]) -> dict[str, Source]:
    """Read `paths` as the target sees them; what cannot be read has its reason, nothing is raised for it."""
    return read_files(measured.root, measured.owner or owner_of(measured.pid), paths, measured.started)


def read_files(
    root_path: str, owner: Owner | None, paths: Iterable[str], started: float | None = None
) -> dict[str, Source]:
    """Read `paths` below `root_path` with the rights of `owner`; as `read_sources`."""
    listed = list(paths)
    try:
        root = os.open(root_path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        gone = "the process has ended, and its view of the file system with it"
        return {path: Source(path, None, gone) for path in listed}
    try:
        return with_rights_of(owner, lambda: _read_all(root, listed, started))
    except PermissionError as error:
        return {path: Source(path, None, str(error)) for path in listed}
    finally:
        os.close(root)


def _read_all(root: int, paths: list[str], started: float | None) -> dict[str, Source]:
    found: dict[str, Source] = {}
    left = MAX_SOURCES
    for path in paths:
        source = _read(root, path, started, min(left, MAX_SOURCE))
        left -= len(source.content or b"")
        found[path] = source
    return found


def _read(root: int, path: str, started: float | None, limit: int) -> Source:
    canonical = path
    try:
        fd, canonical = walk(root, path)
        try:
            # opening anything else can block (FIFO) or do something (a device), so look before opening
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return Source(canonical, None, "not a regular file")
            if status.st_size > limit:
                return Source(canonical, None, f"too large ({status.st_size >> 20} MiB)")
            with open(f"/proc/self/fd/{fd}", "rb") as file:
                content = file.read(limit + 1)
        finally:
            os.close(fd)
    except OSError as error:
        return Source(canonical, None, _reason(error))
    if len(content) > limit:
        return Source(canonical, None, "too large")
    changed = started is not None and status.st_mtime > started + CLOCK_SLACK
    return Source(canonical, content, changed=changed)


def read_local(path: str) -> Source:
    """Read a file of the operator's own, to which the configuration's ``[paths]`` leads."""
    try:
        with open(path, "rb") as file:
            return Source(path, file.read(MAX_SOURCE))
    except OSError as error:
        return Source(path, None, error.strerror or str(error))


def _reason(error: OSError) -> str:
    if isinstance(error, NotADirectoryError):
        return "inside an archive, not a file of its own"
    if isinstance(error, FileNotFoundError):
        return "the file does not exist (any more)"
    if isinstance(error, PermissionError):
        return "permission denied to the process's user"
    return error.strerror or str(error)


def walk(root: int, path: str) -> tuple[int, str]:
    """Open `path` with `root` as its ``/``; returns an O_PATH descriptor and the path without links.

    ``..`` and links never lead out of `root`, as with openat2(2)'s RESOLVE_IN_ROOT, on any kernel.
    """
    opened = [root]
    names: list[str] = []
    pending = path.split("/")[::-1]
    links = 0
    try:
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if names:
                    names.pop()
                    os.close(opened.pop())
                continue
            fd = os.open(name, _WALK, dir_fd=opened[-1])
            opened.append(fd)
            names.append(name)
            mode = os.fstat(fd).st_mode
            if stat.S_ISLNK(mode):
                links += 1
                if links > MAX_LINKS:
                    raise OSError(errno.ELOOP, "too many symbolic links")
                link = os.readlink("", dir_fd=fd)
                kept = 1 if link.startswith("/") else len(opened) - 1
                while len(opened) > kept:
                    os.close(opened.pop())
                    names.pop()
                pending += link.split("/")[::-1]
            elif pending and not stat.S_ISDIR(mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return os.dup(opened[-1]), "/" + "/".join(names)
    finally:
        for fd in opened[1:]:
            os.close(fd)
