"""Can this process be attached to? One check, one error, before anything is stopped or written."""

import os
import time

from attach.errors import (
    AlreadyTraced,
    InterpreterNotReady,
    NoSuchProcess,
    NotDumpable,
    OtherUser,
    PermissionRefused,
    PtraceCapabilityMissing,
    PtraceScope,
    SeccompFilter,
    StoppedProcess,
    UnsupportedMachine,
    UnsupportedTarget,
    ZombieProcess,
)
from attach.inject.aarch64 import Aarch64
from attach.inject.machine import Machine
from attach.inject.memory import Memory
from attach.inject.runtime import Runtime
from attach.inject.target import Target
from attach.inject.x86_64 import X86_64
from attach.process import Process

_CAP_SYS_PTRACE = 19
_TRACER_SECONDS = 0.25
#: By the name that uname(2) gives the machine.
_MACHINES: dict[str, Machine] = {"x86_64": X86_64(), "aarch64": Aarch64()}
_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"


def open_target(process: Process, *, force: bool = False) -> Target:
    """Goes through all checks and gives the target, its memory opened. The caller closes ``target.memory``.

    Raises the `TargetError` of the first check that fails. `force` skips the one about seccomp.
    """
    if process.pid == os.getpid():
        raise UnsupportedTarget(
            f"{process.pid} is live-attach itself", "A process cannot trace itself. Run  attach  from outside."
        )
    check_running(process)
    check_untraced(process)
    memory = open_memory(process)
    try:
        machine = check_machine(process)
        runtime = check_python(process, memory, machine)
        if not force:
            check_seccomp(process)
    except BaseException:
        memory.close()
        raise
    return Target(process, memory, runtime, machine)


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
    memory = open_memory(process)
    try:
        return str(Runtime(process, memory).version)
    finally:
        memory.close()


def check_untraced(process: Process) -> None:
    """No other program traces the main thread; another live-attach does so for milliseconds only.

    The other threads are asked when one of them is stopped.
    """
    end = time.monotonic() + _TRACER_SECONDS
    while True:
        tracer = process.tracer_of(process.pid)
        if tracer is None:
            return
        if time.monotonic() > end:
            raise AlreadyTraced(process.pid, *tracer)
        time.sleep(0.002)


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
    capable = bool(_effective_capabilities() >> _CAP_SYS_PTRACE & 1)
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
        "A security module (AppArmor, SELinux) or a user namespace is the usual cause. See:  dmesg | tail",
    )


def _effective_capabilities() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0


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


def check_python(process: Process, memory: Memory, machine: Machine) -> Runtime:
    """It is CPython 3.8 - 3.15 for this machine, started, and not about to end."""
    runtime = Runtime(process, memory)
    if runtime.python.machine != machine.elf_machine:
        raise UnsupportedMachine(process.pid, f"a program for machine {runtime.python.machine}")
    if not runtime.initialised:
        raise InterpreterNotReady(process.pid, "is still starting")
    if runtime.finalising:
        raise InterpreterNotReady(process.pid, "is shutting down")
    return runtime


def check_seccomp(process: Process) -> None:
    """No seccomp filter, which might kill the process for a system call of ours."""
    if process.seccomp:
        raise SeccompFilter(process.pid)
