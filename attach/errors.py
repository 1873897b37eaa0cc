"""Every way in which live-attach can fail, one class each.

::

    AttachError
    ├── TargetError                 the process cannot be attached to
    │   ├── NoSuchProcess             exit 3
    │   └── ...
    └── ...

An error tells what happened (`message`), why and what to do next (`hint`, with the command to type), has a `slug`
that is its section in docs/reference/errors.md, and the command's exit code (docs/reference/exit-codes.md).
"""

from typing import ClassVar

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_PROCESS = 3
EXIT_PERMISSION = 4
EXIT_UNSUPPORTED = 5
EXIT_BUSY = 6
EXIT_TIMEOUT = 7


class AttachError(Exception):
    """The base of all errors that live-attach raises on purpose.

    `message` is one sentence without a final newline; `hint` is what to do about it, possibly several lines.
    """

    slug: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class TargetError(AttachError):
    """The target cannot be attached to, or not any more."""


class NoSuchProcess(TargetError):
    """There is no process with this PID."""

    slug = "no-such-process"
    exit_code = EXIT_NO_PROCESS

    def __init__(self, pid: int) -> None:
        super().__init__(f"there is no process {pid}", "List the Python processes with:  attach ps")
        self.pid = pid
