"""Running a target's own interpreter without giving the target anything.

A hostile target's interpreter is what the target likes. So it runs in the target's mount namespace and root, as its
user and groups, without any capability, with no_new_privs, and behind a seccomp filter (`allowed`) that
lets it open files for reading and compute, and nothing else: no process can be made or signalled, no socket, no file
written. It holds our socket and nothing more. Time, memory and its answers are bounded, its priority is low.

That is less than the target can do, but for one thing: security modules (SELinux, AppArmor) confine by label. If the
target's is not ours, nothing is run.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import resource
import select
import signal
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from attach.errors import NoSuchProcess
from attach.process import Process
from attach.report.analysis.allowed import seccomp_program
from attach.report.analysis.workers import ARGUMENTS, STARTUP, Worker, WorkerFailed, can_fork
from attach.report.data import Owner
from attach.report.rights import owner_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_PYTHON = re.compile(r"python(3(\.\d+)?)?[dt]?")
_DELETED = " (deleted)"
#: Bytes of address space, seconds on a processor, of a worker.
_MEMORY = 2 << 30
_PROCESSOR = 600
#: Variables that lead to libraries (ld.so(8)).
_LIBRARIES = ("LD_LIBRARY_PATH",)
_LARGEST_ENVIRONMENT = 1 << 20
#: Descriptors from here on are ours alone, in the child.
_HIGH = 64

# linux/prctl.h, linux/securebits.h, linux/sched.h, linux/capability.h
_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_PR_CAPBSET_DROP = 24
_PR_SET_SECUREBITS, _SECBIT_NOROOT_LOCKED = 28, 0b11
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CLONE_NEWNS = 0x00020000
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_LAST = 63


@dataclass(frozen=True)
class _Plan:
    """What the child does before it becomes the interpreter. All descriptors are open already."""

    executable: int
    namespace: int | None
    root: int | None
    owner: Owner
    name: str
    environment: dict[str, str]
    program: bytes
    libc: ctypes.CDLL
    parent: int


def spawned(pid: int) -> Worker:
    """A worker that is the interpreter of process `pid`. It is to be greeted.

    Raises WorkerFailed if there is none, or if it cannot be confined enough.
    """
    opened: list[int] = []
    try:
        plan = _planned(Process(pid), opened)
        return _started(plan)
    except NoSuchProcess:
        raise WorkerFailed("the process has ended") from None
    except OSError as error:
        raise WorkerFailed(f"the process's own interpreter cannot be run: {error.strerror or error}") from None
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _planned(process: Process, opened: list[int]) -> _Plan:
    """What to do for this process; what is opened is put into `opened`.

    Raises WorkerFailed if it must not be done, OSError.
    """
    program = seccomp_program(os.uname().machine)
    owner = owner_of(process.pid)
    path = process.exe
    name = path.removesuffix(_DELETED)
    elsewhere = process.sees_other_files()
    if program is None or owner is None or not can_fork():
        raise WorkerFailed("the process's own interpreter cannot be confined here")
    if not _PYTHON.fullmatch(os.path.basename(name)):
        raise WorkerFailed(f"the process's program, {os.path.basename(name)}, is not an interpreter")
    if _label(process.pid) != _label(os.getpid()):
        raise WorkerFailed("the process is confined by a security module")
    if os.geteuid() != 0 and (elsewhere or (owner.uid, owner.gid) != (os.geteuid(), os.getegid())):
        raise WorkerFailed("the process's own interpreter can be run by root only")

    def open_path(name: str, flags: int) -> int:
        opened.append(os.open(process.path(name), flags | os.O_CLOEXEC))
        return opened[-1]

    return _Plan(
        executable=open_path("exe", os.O_PATH),
        namespace=open_path("ns/mnt", os.O_RDONLY) if elsewhere else None,
        root=open_path("root", os.O_PATH | os.O_DIRECTORY) if elsewhere else None,
        owner=owner,
        name=name,
        environment=_environment(process),
        program=program,
        libc=ctypes.CDLL(None, use_errno=True),
        parent=os.getpid(),
    )


def _label(pid: int) -> bytes:
    """The label of a security module (proc_pid_attr(5)); empty without one."""
    try:
        with open(f"/proc/{pid}/attr/current", "rb") as file:
            return file.read(4096)
    except OSError:
        return b""


def _environment(process: Process) -> dict[str, str]:
    """Where the target's interpreter finds its libraries."""
    try:
        entries = process.read("environ", _LARGEST_ENVIRONMENT).split(b"\0")
    except OSError:
        return {}
    found = dict(entry.split(b"=", 1) for entry in entries if b"=" in entry)
    return {name: os.fsdecode(found[name.encode()]) for name in _LIBRARIES if name.encode() in found}


def _started(plan: _Plan) -> Worker:
    """Fork, and wait until the child is the interpreter.

    Raises WorkerFailed.
    """
    ours, theirs = socket.socketpair()
    failure, failing = os.pipe()
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _child(plan, theirs.fileno(), null, failing)
    worker = Worker(pid, ours)
    theirs.close()
    os.close(failing)
    os.close(null)
    try:
        poll = select.poll()
        poll.register(failure, select.POLLIN)
        told = os.read(failure, 300).decode(errors="replace") if poll.poll(STARTUP * 1000) else "it does not start"
    finally:
        os.close(failure)
    if told:
        worker.close()
        raise WorkerFailed(f"the process's own interpreter cannot be run: {told}")
    return worker


def _child(plan: _Plan, connection: int, null: int, failing: int) -> NoReturn:
    """From the fork to the interpreter. Nothing may be imported: after `_enter`, modules would be the target's."""
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        high = [_above(descriptor) for descriptor in (connection, null, failing, plan.executable)]
        namespace, root = (None if fd is None else _above(fd) for fd in (plan.namespace, plan.root))
        for number, descriptor in ((0, high[0]), (1, high[0]), (2, high[1])):
            os.dup2(descriptor, number)
        _enter(plan.libc, namespace, root)
        _close_all_but(high[2:])
        _limit()
        _give_up(plan.libc, plan.owner)
        _call(plan.libc, "prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == plan.parent:
            _filter(plan.libc, plan.program)
            os.execve(high[3], [plan.name, *ARGUMENTS], plan.environment)
    except BaseException as error:
        os.write(high[2], str(error).encode(errors="replace")[:300])
    finally:
        os._exit(1)


def _above(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)


def _enter(libc: ctypes.CDLL, namespace: int | None, root: int | None) -> None:
    """The target's mount namespace and root (setns(2), chroot(2)); its working directory is of no use."""
    if namespace is not None and root is not None:
        _call(libc, "setns", namespace, _CLONE_NEWNS)
        os.fchdir(root)
        os.chroot(".")
    os.chdir("/")


def _close_all_but(kept: Sequence[int]) -> None:
    """Close what was inherited, but for standard streams and `kept`."""
    last = 2
    for descriptor in sorted(kept):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 1 << 20))


def _limit() -> None:
    limits = (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _PROCESSOR),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
    )
    for which, most in limits:
        _, hard = resource.getrlimit(which)
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (limit, limit))
    os.nice(10)


def _give_up(libc: ctypes.CDLL, owner: Owner) -> None:
    """Become the owner, without any capability, now and after an execve (capabilities(7))."""
    if os.geteuid() == 0:
        for capability in range(_CAP_LAST + 1):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # EINVAL from the first that this kernel has not
        _call(libc, "prctl", _PR_SET_SECUREBITS, _SECBIT_NOROOT_LOCKED, 0, 0, 0)
        os.setgroups(owner.groups)
        os.setresgid(owner.gid, owner.gid, owner.gid)
        os.setresuid(owner.uid, owner.uid, owner.uid)
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _call(libc, "capset", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))
    if os.getresuid() != (owner.uid,) * 3 or os.getresgid() != (owner.gid,) * 3:
        raise PermissionError("the rights of the process's user cannot be taken on here")
    _call(libc, "prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _filter(libc: ctypes.CDLL, program: bytes) -> None:
    """struct sock_fprog: a length and a pointer."""
    instructions = ctypes.create_string_buffer(program, len(program))
    description = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    _call(libc, "prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, description, 0, 0)


def _call(libc: ctypes.CDLL, name: str, *arguments: int | bytes) -> None:
    """A function of the C library that answers with -1 if it fails."""
    if getattr(libc, name)(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
