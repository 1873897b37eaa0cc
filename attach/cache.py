"""What is kept for the next time, below ``$XDG_CACHE_HOME/live-attach``."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def folder(name: str) -> Path:
    """One of its folders, which need not exist (XDG: a relative value is ignored)."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(configured) if os.path.isabs(configured) else Path.home() / ".cache"
    return base / "live-attach" / name


def keep(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, readable for its owner alone. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def check_private(path: Path) -> None:
    """Raise PermissionError for what somebody else could have written: with ``sudo`` it may be another user's."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(f"{path} could have been written by somebody else")
