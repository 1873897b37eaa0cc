"""Processes that cannot be attached to."""

from attach.errors.base import EXIT_BUSY, EXIT_NO_PROCESS, EXIT_PERMISSION, EXIT_UNSUPPORTED, AttachError


def _sudo(pid: int) -> str:
    """The command line as root, for whom sudo searches folders of its own choice (sudoers(5), secure_path)."""
    return f'  sudo "$(command -v attach)" {pid} ...'


class TargetError(AttachError):
    """The target cannot be attached to, or not any more."""


class NoSuchProcess(TargetError):
    """There is no process with this PID."""

    slug = "no-such-process"
    exit_code = EXIT_NO_PROCESS

    def __init__(self, pid: int) -> None:
        super().__init__(f"there is no process {pid}", "List the Python processes with:  attach ps")
        self.pid = pid


class NotAProcess(TargetError):
    """The number belongs to a thread, not to a process."""

    slug = "not-a-process"
    exit_code = EXIT_NO_PROCESS

    def __init__(self, tid: int, pid: int) -> None:
        super().__init__(f"{tid} is a thread of process {pid}", f"Use the process:  attach {pid}")
        self.pid = pid


class OtherProc(TargetError):
    """The /proc that we see shows the PIDs of another namespace than ours: its numbers are not ours to use."""

    slug = "other-proc"
    exit_code = EXIT_UNSUPPORTED

    def __init__(self) -> None:
        super().__init__(
            "/proc shows the processes of another PID namespace than the one that live-attach runs in",
            "Mount the right one first, in a mount namespace of its own:\n"
            "  sudo unshare --mount sh -c 'mount -t proc proc /proc && exec attach PID ...'",
        )


class ZombieProcess(TargetError):
    """The process has ended; only its exit status is left for its parent to read."""

    slug = "zombie"
    exit_code = EXIT_NO_PROCESS

    def __init__(self, pid: int, ppid: int) -> None:
        super().__init__(
            f"process {pid} has ended and waits for its parent {ppid} to take its exit status (zombie)",
            f"Look at its parent:  ps -fp {ppid}",
        )


class TargetExited(TargetError):
    """The process ended while we worked on it, or became another program by execve(2)."""

    slug = "target-exited"
    exit_code = EXIT_NO_PROCESS

    def __init__(self, pid: int, *, replaced: bool = False) -> None:
        super().__init__(
            f"process {pid} became another program meanwhile" if replaced else f"process {pid} ended meanwhile",
            "List the Python processes with:  attach ps",
        )


class PermissionRefused(TargetError):
    """The kernel does not let us trace the process."""

    slug = "permission"
    exit_code = EXIT_PERMISSION


class OtherUser(PermissionRefused):
    """The process belongs to another user, and we are not privileged."""

    slug = "other-user"

    def __init__(self, pid: int, owner: str) -> None:
        super().__init__(
            f"process {pid} belongs to {owner}",
            f"Attach as root:\n{_sudo(pid)}",
        )


_GRANT_THE_CAPABILITY = (
    "Grant it when the container starts, or attach from the host:\n"
    "  docker run --cap-add=SYS_PTRACE ...\n"
    "  Kubernetes: securityContext.capabilities.add: [SYS_PTRACE]"
)


class PtraceCapabilityMissing(PermissionRefused):
    """We are root, or as good as root, but without CAP_SYS_PTRACE: the usual case inside a container."""

    slug = "cap-sys-ptrace"

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"tracing process {pid} needs the capability SYS_PTRACE, which this root does not have",
            _GRANT_THE_CAPABILITY,
        )


class OwnFilter(PermissionRefused):
    """The seccomp filter that we are under ourselves denies us a call that attaching needs."""

    slug = "own-seccomp"

    def __init__(self, call: str) -> None:
        super().__init__(
            f"the seccomp filter under which attach itself runs denies it {call}",
            f"Docker's default filter allows it together with a capability. {_GRANT_THE_CAPABILITY}",
        )


class PtraceScope(PermissionRefused):
    """The Yama security module restricts ptrace (/proc/sys/kernel/yama/ptrace_scope)."""

    slug = "ptrace-scope"

    def __init__(self, pid: int, scope: int) -> None:
        why = {
            1: "only a parent may trace its children",
            2: "only a process with the capability SYS_PTRACE may trace",
            3: "nobody may trace, and this cannot be changed until the next boot",
        }.get(scope, "tracing is restricted")
        hint = (
            "The setting kernel.yama.ptrace_scope has to be lowered at boot."
            if scope >= 3
            else f"Attach as root, or let users trace their own processes:\n"
            f"{_sudo(pid)}\n"
            f"  sudo sysctl kernel.yama.ptrace_scope=0"
        )
        super().__init__(f"the kernel refuses to trace {pid}: ptrace_scope is {scope}, {why}", hint)


class NotDumpable(PermissionRefused):
    """The process is ours but marked as not dumpable: it changed its user, or asked for it with prctl(2)."""

    slug = "not-dumpable"

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"process {pid} runs as our user, but the kernel protects it from being traced",
            f"It changed its user, has capabilities we lack, or asked for protection (PR_SET_DUMPABLE). "
            f"Attach as root:\n{_sudo(pid)}",
        )


class UnsupportedTarget(TargetError):
    """We may trace the process, but it is not one, or not in a state, that can be attached to."""

    slug = "unsupported"
    exit_code = EXIT_UNSUPPORTED


class NotPython(UnsupportedTarget):
    """No image in the process has the symbols of a Python interpreter."""

    slug = "not-python"

    def __init__(self, pid: int, name: str) -> None:
        super().__init__(
            f"process {pid} ({name}) runs no Python interpreter", "List the Python processes with:  attach ps"
        )


class UnsupportedPython(UnsupportedTarget):
    """The process runs a Python that is not CPython 3.8 - 3.15."""

    slug = "unsupported-python"

    def __init__(self, pid: int, what: str) -> None:
        super().__init__(f"process {pid} runs {what}", "CPython 3.8 to 3.15 can be attached to.")


class UnsupportedMachine(UnsupportedTarget):
    """There are no registers and stubs for this machine, or the target is a 32-bit program."""

    slug = "unsupported-machine"

    def __init__(self, pid: int, what: str) -> None:
        super().__init__(f"process {pid} is {what}", "64-bit programs on x86_64 and aarch64 can be attached to.")


class StoppedProcess(UnsupportedTarget):
    """The process is stopped by a signal (state T): nothing can run in it."""

    slug = "stopped"

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid} is stopped", f"Let it continue first:\n  kill -CONT {pid}")


class InterpreterNotReady(UnsupportedTarget):
    """The interpreter is being started or is shutting down."""

    slug = "interpreter-not-ready"

    def __init__(self, pid: int, what: str) -> None:
        super().__init__(f"the Python interpreter in process {pid} {what}", "Try again a moment later.")


class SeccompFilter(UnsupportedTarget):
    """A seccomp filter that we may not read might kill the process for a system call of ours."""

    slug = "seccomp"

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(
            f"process {pid} runs under a seccomp filter, which might kill it for a system call of ours: {reason}",
            f"Root on the host, outside of containers, can have it judged:\n{_sudo(pid)}\n"
            f"If you know that it answers with an error instead of killing:\n"
            f"  attach --force {pid} ...",
        )


_ALLOW_THE_CALL = (
    "Let the filter allow that call, and start the process anew: systemd's SystemCallFilter=, Docker's and Podman's\n"
    "  --security-opt seccomp=PROFILE.json"
)


class SeccompKills(UnsupportedTarget):
    """A seccomp filter would kill the process, or one of its threads, for a system call of ours."""

    slug = "seccomp-kills"

    def __init__(self, pid: int, sentence: str) -> None:
        super().__init__(f"process {pid} might not survive it: {sentence}", _ALLOW_THE_CALL)


class SeccompDenied(UnsupportedTarget):
    """A seccomp filter answers with an error to a system call that we need; `sentence` says to which."""

    slug = "seccomp-denied"

    def __init__(self, pid: int, sentence: str) -> None:
        super().__init__(f"process {pid} cannot be attached to: {sentence}", _ALLOW_THE_CALL)


class ResourceLimit(UnsupportedTarget):
    """The target may not have another thread or more memory."""

    slug = "resource-limit"

    def __init__(self, pid: int, what: str, limit: str) -> None:
        super().__init__(
            f"process {pid} could not get {what}",
            f"Look at its limits, raise the one that is reached ({limit}):\n"
            f"  cat /proc/{pid}/limits\n  sudo prlimit --pid {pid} ...",
        )


class MethodUnavailable(UnsupportedTarget):
    """The method asked for with --method does not exist for this target."""

    slug = "method-unavailable"

    def __init__(self, method: str, why: str) -> None:
        super().__init__(f"the method {method} cannot be used here: {why}", "Let live-attach choose:  --method auto")
        self.why = why


class AlreadyTraced(TargetError):
    """Another program traces the process; the kernel allows one tracer."""

    slug = "already-traced"
    exit_code = EXIT_BUSY

    def __init__(self, pid: int, tracer: int, name: str) -> None:
        super().__init__(
            f"process {pid} is already traced by {name} (PID {tracer})"
            if tracer
            else f"process {pid} is already traced",
            "Detach the other tracer first." + (f" To see it:  ps -fp {tracer}" if tracer else ""),
        )
