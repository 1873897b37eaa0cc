"""The agent is in the process, or should be, and cannot be talked to."""

from attach.errors.base import EXIT_BUSY, EXIT_TIMEOUT, EXIT_UNSUPPORTED, AttachError


class AgentError(AttachError):
    """The agent is in the process, but something is wrong with it."""


class AgentUnreachable(AgentError):
    """The agent does not answer, or the channel to it broke."""

    slug = "agent-unreachable"
    exit_code = EXIT_TIMEOUT

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"the agent in process {pid} cannot be reached: {reason}",
            "See whether the process still runs with:  attach ps\n"
            f"Then try again, with more time:  attach --timeout 60 {pid} ...",
        )


class AgentMismatch(AgentError):
    """The process holds the agent of another version of live-attach."""

    slug = "agent-mismatch"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int, theirs: str, ours: str) -> None:
        super().__init__(
            f"the agent in process {pid} is version {theirs}, this is {ours}",
            f"Remove it with version {theirs}, then try again:  attach {pid} detach",
        )


class AgentFailed(AgentError):
    """The agent hit an error of its own: a bug of live-attach, or a process without memory or threads."""

    slug = "agent-failed"

    def __init__(self, pid: int, text: str) -> None:
        super().__init__(
            f"the agent in process {pid} failed: {text}",
            "The process goes on. If it has memory and threads left, please report this with the text above.",
        )


class NotAttached(AttachError):
    """There is no agent in the process, and the command does not bring one."""

    slug = "not-attached"

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid} is not attached", f"Measure it with:  attach {pid} start-coverage")


class KernelTooOld(AttachError):
    """A system call that the tool depends on is missing."""

    slug = "kernel-too-old"
    exit_code = EXIT_UNSUPPORTED

    def __init__(self, call: str, since: str) -> None:
        super().__init__(
            f"this kernel has no {call}(2), which came with Linux {since}",
            f"live-attach needs Linux {since} or later. If this one is newer, a sandbox of  attach  hides the call.",
        )
