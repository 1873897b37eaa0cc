"""Meets the agent of a process without a listening socket: memfd, pidfd_getfd(2), SCM_RIGHTS.

An attached process holds a memfd named ``live-attach:...``; its text says which descriptor is the outer end of the
rendezvous. The operator copies that descriptor, which the kernel allows to whoever may ptrace the process (ptrace(2),
PTRACE_MODE_ATTACH_REALCREDS), and sends one end of a fresh socket pair through it. What is read here comes from the
target, so it is bounded and checked.
"""

import array
import ctypes
import errno
import os
import socket
import stat
import struct
from dataclasses import dataclass

from attach.errors import KernelTooOld, NoSuchProcess
from attach.process import Process
from attach_agent import wire

SYS_pidfd_getfd = 438
SCM_CREDENTIALS = 2
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Rendezvous:
    """Where an attached process can be met."""

    process: Process
    protocol: int
    agent_version: str
    descriptor: int

    def connect(self) -> socket.socket:
        """A new channel to the agent: a connected stream socket whose other end the agent has.

        OSError when the agent went away in this moment.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs, socket.socket(fileno=_copy_descriptor(self.process.pid, self.descriptor)) as outer:
                if (outer.family, outer.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
                    raise OSError(errno.EPROTO, "the descriptor is not the agent's")
                outer.sendmsg(
                    [b"c"],
                    [
                        (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()])),
                        (socket.SOL_SOCKET, SCM_CREDENTIALS, self._credentials()),
                    ],
                    socket.MSG_DONTWAIT,
                )
        except BaseException:
            ours.close()
            raise
        return ours

    def _credentials(self) -> bytes:
        """As the target's own user, whom its user namespace surely knows; only root may claim that (unix(7))."""
        uid, gid = os.geteuid(), os.getegid()
        if uid == 0:
            uid, gid = self.process.euid, self.process.egid
        return struct.pack("iii", os.getpid(), uid, gid)


def find(process: Process) -> Rendezvous | None:
    """The rendezvous of this very process, None if it is not attached (or an inherited mark names its parent).

    PermissionError if we may not look: `attach.inject.open_memory` knows why.
    """
    directory = process.path("fd")
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, ProcessLookupError):
        raise NoSuchProcess(process.pid) from None
    for name in sorted(names, key=int, reverse=True):
        path = f"{directory}/{name}"
        try:
            if not os.readlink(path).startswith("/memfd:" + wire.MEMFD_PREFIX):
                continue
            found = _parse(process, _read(path))
        except OSError:  # closed meanwhile, or not what it looks like
            continue
        if found:
            return found
    return None


def _read(path: str) -> str:
    # O_NONBLOCK: in a hostile mount namespace a FIFO can bear this name
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        return os.pread(fd, 256, 0).decode("ascii", "replace")
    finally:
        os.close(fd)


def _parse(process: Process, text: str) -> Rendezvous | None:
    words = text.split()
    if len(words) != 5 or not text.endswith("\n"):  # not written yet
        return None
    protocol, version, pid, start, descriptor = words
    if not all(word.isdecimal() and len(word) < 20 for word in (protocol, pid, start, descriptor)):
        return None
    if (int(pid), int(start)) != (process.inner_pid, process.start_time):
        return None
    return Rendezvous(process, int(protocol), version, int(descriptor))


def check_kernel() -> None:
    """This kernel has pidfd_getfd(2), asked for a descriptor of nobody. Raises `KernelTooOld`."""
    if _libc.syscall(SYS_pidfd_getfd, -1, -1, 0) < 0 and ctypes.get_errno() == errno.ENOSYS:
        raise _too_old()


def _too_old() -> KernelTooOld:
    return KernelTooOld("pidfd_getfd", "5.6")


def _copy_descriptor(pid: int, descriptor: int) -> int:
    pidfd = os.pidfd_open(pid)
    try:
        copy: int = _libc.syscall(SYS_pidfd_getfd, pidfd, descriptor, 0)
        if copy < 0:
            number = ctypes.get_errno()
            if number == errno.ENOSYS:
                raise _too_old()
            raise OSError(number, os.strerror(number))
        return copy
    finally:
        os.close(pidfd)
