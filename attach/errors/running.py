"""Code cannot be run in the process, or cannot be stopped there."""

from attach.errors.base import EXIT_BUSY, EXIT_USAGE, AttachError


class RunError(AttachError):
    """Code cannot be run in the process, or cannot be stopped there."""


class CodeRunning(RunError):
    """The agent cannot be removed while an operator's code runs in the process."""

    slug = "code-running"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"code that  attach {pid} exec  or  shell  has started still runs in process {pid}; nothing was changed",
            f"Press Ctrl-C where it was started, or wait until it ends. See whether it has with:  attach {pid} status",
        )


class CodeTooLarge(RunError):
    """The code to run is larger than any program."""

    slug = "code-too-large"
    exit_code = EXIT_USAGE

    def __init__(self, filename: str, size: int, limit: int) -> None:
        super().__init__(
            f"{filename} has {size} bytes, and code to run may have {limit}",
            "Put the data into a file that the process can read, and read it in the code.",
        )


class NoSuchModule(RunError):
    """A shell was to work in a module that the process has not loaded."""

    slug = "no-such-module"
    exit_code = EXIT_USAGE

    def __init__(self, pid: int, module: str) -> None:
        super().__init__(
            f"process {pid} has loaded no module {module}",
            f"List those it has:  attach {pid} exec -c 'import sys; print(*sorted(sys.modules))'\n"
            f"If it may load one more:  attach {pid} exec -c 'import NAME'",
        )


class NotInterruptible(RunError):
    """The process lacks what raises KeyboardInterrupt in the code; it was left running."""

    slug = "not-interruptible"

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"the code in process {pid} cannot be interrupted and goes on, without its output: {reason}",
            f"See whether it has ended with:  attach {pid} status",
        )
