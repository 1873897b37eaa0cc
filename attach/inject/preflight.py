"""Can this process be attached to? One check, one error, before anything is stopped or written."""

import ctypes
import errno
import os
import time
from collections.abc import Callable

from attach.errors import (
    AlreadyTraced,
    InterpreterNotReady,
    NoSuchProcess,
    NotDumpable,
    OtherUser,
    OwnFilter,
    PermissionRefused,
    PtraceCapabilityMissing,
    PtraceScope,
    StoppedProcess,
    UnsupportedMachine,
    UnsupportedTarget,
    ZombieProcess,
)
from attach.inject.aarch64 import Aarch64
from attach.inject.machine import Machine
from attach.inject.memory import Memory
from attach.inject.runtime import Runtime
from attach.inject.seccomp import Verdict, judge
from attach.inject.target import Target
from attach.inject.threads import threads_in_calls
from attach.inject.tracer import worth_waiting
from attach.inject.x86_64 import X86_64
from attach.process import Process

_libc = ctypes.CDLL(None, use_errno=True)

_CAP_SYS_PTRACE = 19
_PTRACE_SEIZE, _SYS_PIDFD_GETFD = 0x4206, 438
_DENIED = (errno.EPERM, errno.EACCES, errno.ENOSYS)
_TRACER_SECONDS = 0.25
#: By the name that uname(2) gives the machine.
_MACHINES: dict[str, Machine] = {"x86_64": X86_64(), "aarch64": Aarch64()}
_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"


def open_target(process: Process, *, force: bool = False, note: Callable[[str], None] = lambda what: None) -> Target:
    """Goes through all checks and gives the target, its memory opened. The caller closes ``target.memory``.

    Raises the `TargetError` of the first check that fails. `force` skips the one about seccomp; `note` gets what that
    one found.
    """
    check_not_ourselves(process)
    check_running(process)
    check_untraced(process)
    check_own_filter()
    memory = open_memory(process)
    try:
        machine = check_machine(process)
        runtime = check_python(process, memory, machine)
        target = Target(process, memory, runtime, machine)
        if not force:
            check_seccomp(target, note)
    except BaseException:
        memory.close()
        raise
    return target


def check_not_ourselves(process: Process) -> None:
    """It is not the process that asks."""
    if process.pid == os.getpid():
        raise UnsupportedTarget(
            f"{process.pid} is live-attach itself", "A process cannot trace itself. Run  attach  from outside."
        )


def check_running(process: Process) -> None:
    """It is neither a zombie nor stopped: an agent in it could answer."""
    state = process.state
    if state in "ZX":
        raise ZombieProcess(process.pid, process.ppid)
    if not process.alive():
        raise NoSuchProcess(process.pid)
    if state == "T":
        raise StoppedProcess(process.pid)


def check_rights(process: Process) -> None:
    """We may trace it."""
    open_memory(process).close()


def python_version(process: Process) -> str:
    """The version of the CPython it runs, as "3.11.7"; "3.9" where only that can be told from outside.

    Raises a `TargetError` if it runs none, or if we may not look.
    """
    with open_memory(process) as memory:
        return str(Runtime(process, memory).version)


def c_library(process: Process) -> str:
    """The C library it runs on, "glibc" or "musl". Raises as `python_version`."""
    with open_memory(process) as memory:
        return Runtime(process, memory).c_library


def check_untraced(process: Process) -> None:
    """No other program traces the main thread; another live-attach does so for milliseconds only.

    The other threads are asked when one of them is stopped.
    """
    begin = time.monotonic()
    while True:
        tracer = process.tracer_of(process.pid)
        if tracer is None:
            return
        if not worth_waiting(process, process.pid, time.monotonic() - begin, _TRACER_SECONDS):
            raise AlreadyTraced(process.pid, *tracer)
        time.sleep(0.002)


def check_own_filter() -> None:
    """We ourselves are under no seccomp filter that denies us what attaching needs, found out before it is half done.

    Without a filter the calls that are tried fail with ESRCH and EBADF, and do nothing.
    """
    if not Process(os.getpid()).seccomp:
        return
    if _libc.ptrace(_PTRACE_SEIZE, 0, None, None) == -1 and ctypes.get_errno() in _DENIED:
        raise OwnFilter("ptrace")
    if _libc.syscall(ctypes.c_long(_SYS_PIDFD_GETFD), -1, -1, 0) == -1 and ctypes.get_errno() in _DENIED:
        raise OwnFilter("pidfd_getfd")


def open_memory(process: Process) -> Memory:
    """Opens the target's memory, which needs exactly the right to ptrace it; else tells why not."""
    try:
        return Memory(process)
    except (FileNotFoundError, ProcessLookupError):
        raise NoSuchProcess(process.pid) from None
    except PermissionError:
        raise _why_not(process) from None


def _why_not(process: Process) -> PermissionRefused:
    """The likeliest reason for which the kernel refused (ptrace(2), "Ptrace access mode checking")."""
    capable = may_ptrace_all()
    if not capable and os.geteuid() == 0:
        return PtraceCapabilityMissing(process.pid)
    if not capable and process.euid != os.geteuid():
        return OtherUser(process.pid, process.user)
    scope = ptrace_scope()
    if scope >= (3 if capable else 1):
        return PtraceScope(process.pid, scope)
    if not capable:
        return NotDumpable(process.pid)
    return PermissionRefused(
        f"the kernel refuses to trace process {process.pid}",
        "A security module (AppArmor, SELinux) or a user namespace is the usual cause. See:\n"
        f"  dmesg | tail\n  attach doctor -v {process.pid}",
    )


def may_ptrace_all() -> bool:
    """Whether we have the capability SYS_PTRACE, in our own user namespace."""
    return bool(int(Process(os.getpid()).status_field("CapEff"), 16) >> _CAP_SYS_PTRACE & 1)


def ptrace_scope() -> int:
    """Yama's setting, 0 where Yama is not active."""
    try:
        with open(_SCOPE, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


def check_machine(process: Process) -> Machine:
    """There are stubs for the machine we run on."""
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        raise UnsupportedMachine(process.pid, f"a program for {os.uname().machine}")
    return machine


def waits(process: Process) -> dict[int, str]:
    """The names of the system calls that threads wait in, by tid, those that can be told. Nobody is stopped."""
    machine = _MACHINES.get(os.uname().machine)
    found = {}
    if machine is not None:
        for tid, wait in threads_in_calls(process, machine):
            if wait is not None:
                found[tid] = wait.name
    return found


def check_python(process: Process, memory: Memory, machine: Machine) -> Runtime:
    """It is CPython 3.8 - 3.15 for this machine, started, and not about to end."""
    runtime = Runtime(process, memory)
    check_started(runtime, machine)
    return runtime


def check_started(runtime: Runtime, machine: Machine) -> None:
    """The interpreter is one for this machine, has started, and is not about to end."""
    process = runtime.process
    if runtime.python.machine != machine.elf_machine:
        raise UnsupportedMachine(process.pid, f"a program for machine {runtime.python.machine}")
    if not runtime.initialised:
        raise InterpreterNotReady(process.pid, "is still starting")
    if runtime.finalising:
        raise InterpreterNotReady(process.pid, "is shutting down")


def check_seccomp(target: Target, note: Callable[[str], None]) -> None:
    """Its seccomp filters, if it has any, let us do what we do."""
    judgement = judge(target)
    error = judgement.error(target.process.pid)
    if error:
        raise error
    if judgement.verdict is not Verdict.NO_FILTER:
        note(judgement.sentence)
