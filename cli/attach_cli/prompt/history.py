"""What was typed at a prompt, for the next time: a private file below ``$XDG_STATE_HOME/live-attach``.

Each line is written when it is entered, so that a crash loses none. With ``sudo`` the folder may be another user's:
what somebody else could have written is not used.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

#: This many lines are kept; the file is cut back to them when it has grown to twice as many.
LINES = 1000
_LONGEST_LINE = 10_000
_LARGEST_FILE = 4_000_000


def folder() -> Path:
    """Where histories are kept, which need not exist (XDG: a relative value is ignored)."""
    configured = os.environ.get("XDG_STATE_HOME", "")
    base = Path(configured) if os.path.isabs(configured) else Path.home() / ".local" / "state"
    return base / "live-attach"


class History:
    """The lines of one kind of prompt. A file that cannot be read or written is no error: then nothing is kept."""

    def __init__(self, name: str) -> None:
        self._path = folder() / f"{name}-history"
        self.lines: list[str] = []
        with contextlib.suppress(OSError):
            self._load()

    def add(self, line: str) -> None:
        """Keep a line; not an empty one, one that begins with a space, or the same one again."""
        if not line.strip() or line.startswith(" ") or "\n" in line or len(line) > _LONGEST_LINE:
            return
        if self.lines and self.lines[-1] == line:
            return
        self.lines.append(line)
        with contextlib.suppress(OSError, UnicodeEncodeError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # whole lines at once: two operators may write at the same time (open(2), O_APPEND)
            descriptor = self._open(os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            try:
                os.write(descriptor, f"{line}\n".encode())
            finally:
                os.close(descriptor)

    def _load(self) -> None:
        descriptor = self._open(os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            file.seek(max(0, size - _LARGEST_FILE))
            found = file.read(_LARGEST_FILE).decode("utf-8", "replace").splitlines()
        self.lines = found[-LINES:]
        if len(found) >= 2 * LINES or size > _LARGEST_FILE:
            self._cut()

    def _cut(self) -> None:
        """Write the file anew, whole or not at all."""
        descriptor, temporary = tempfile.mkstemp(dir=self._path.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in self.lines))
            os.replace(temporary, self._path)
        except BaseException:
            os.unlink(temporary)
            raise

    def _open(self, flags: int) -> int:
        """A descriptor of the file, which is ours and nobody else's. Raises OSError."""
        descriptor = os.open(self._path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            os.close(descriptor)
            raise PermissionError(f"{self._path} is not private")
        return descriptor
