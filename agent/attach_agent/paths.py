"""Names of files."""

from __future__ import annotations

import posix


def resolved(path: str) -> str:
    """realpath(3), asked of the kernel; without /proc the path stays as it was named."""
    try:
        descriptor = posix.open(path, posix.O_PATH | posix.O_CLOEXEC)
    except (OSError, ValueError):
        return path
    try:
        return posix.readlink("/proc/self/fd/%d" % descriptor)
    except OSError:
        return path
    finally:
        posix.close(descriptor)
