"""The root of the error tree, and the command's exit codes (docs/reference/exit-codes.md)."""

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

    `message` is one sentence without a final newline; `hint` is what to do about it, possibly several lines; `slug` is
    the section in docs/reference/errors.md.
    """

    slug: str = "failed"
    exit_code: ClassVar[int] = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
