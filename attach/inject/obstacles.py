"""What it means when the target could not get what we asked for there: a limit, or a policy that denies it."""

import errno
import os
import re

from attach.errors import AttachError, BootstrapFailed, PermissionRefused, ResourceLimit, SeccompDenied
from attach.process import Process

_POLICY = (errno.EPERM, errno.EACCES, errno.ENOSYS)
#: The repr of an OSError that the kernel's errno made; those that a program makes itself have other arguments.
_ERROR_OF_KERNEL = re.compile(r"(?:PermissionError|OSError)\((\d+), ")


def no_memory(process: Process, what: str, error: int) -> AttachError:
    """The error for an mmap that failed; `what` names the memory."""
    return _denied(process, what, error) or ResourceLimit(
        process.pid, f"{what}: {os.strerror(error)}", "Max address space"
    )


def no_thread(process: Process, error: int) -> AttachError:
    """The error for a pthread_create that failed."""
    return _denied(process, "another thread", error) or ResourceLimit(
        process.pid, f"another thread: {os.strerror(error)}", "Max processes, Max address space"
    )


def refused(process: Process, text: str) -> AttachError:
    """The error for an exception that our source raised; `text` is its repr."""
    if os.strerror(errno.EMFILE) in text:
        return ResourceLimit(process.pid, "another file descriptor", "Max open files")
    found = _ERROR_OF_KERNEL.match(text)
    if found and int(found[1]) in _POLICY and process.seccomp:
        return SeccompDenied(process.pid, f"a system call was denied there, probably by its seccomp filter: {text}")
    return BootstrapFailed(process.pid, text)


def _denied(process: Process, what: str, error: int) -> AttachError | None:
    if error not in _POLICY:
        return None
    if process.seccomp:
        return SeccompDenied(process.pid, f"its seccomp filter denied it {what}: {os.strerror(error)}")
    return PermissionRefused(
        f"the kernel denied process {process.pid} {what}: {os.strerror(error)}",
        "A security module (AppArmor, SELinux) is the usual cause. See:  dmesg | tail",
    )
