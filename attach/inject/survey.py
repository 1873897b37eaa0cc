"""What an injection would find, looked at without one: no thread is stopped, nothing is written.

Every check that an attach makes is made, by the same functions and in the same order; but the first obstacle does not
hide the next. Threads come and go: what is said about them is true for a moment.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from attach.errors import (
    AlreadyTraced,
    AttachError,
    GilHeld,
    MethodUnavailable,
    NoEvaluationPoint,
    NoSuchProcess,
    TargetExited,
    ThreadNotStopping,
    UnsupportedMachine,
    UnsupportedTarget,
    ZombieProcess,
)
from attach.finding import OK, WARNING, Finding, refused
from attach.inject import preflight
from attach.inject.build import Build, look_at_build
from attach.inject.gil import sleeping_holder
from attach.inject.machine import Machine, Wait
from attach.inject.memory import MemoryFault
from attach.inject.pyrasite import why_unavailable
from attach.inject.remote_exec import obedient
from attach.inject.runtime import Runtime
from attach.inject.seccomp import judge_from_outside
from attach.inject.staging import NoPlace, place_for_script
from attach.inject.symbols import DamagedImage
from attach.inject.target import Target
from attach.inject.threads import BETWEEN_WAITS, threads_in_calls
from attach.process import Process

#: A thread that is in state D, or does not let go of the interpreter lock, for so long is not about to end that.
_STUCK_SECONDS, _LOOK_SECONDS = 0.05, 0.001
_SHOWN = 3


@dataclass
class Survey:
    """What was found. `way` and `because` say how an attach would get in, `error` why it would not."""

    checks: list[Finding] = field(default_factory=list)
    ways: list[Finding] = field(default_factory=list)
    runtime: Runtime | None = None
    build: Build | None = None
    way: str = ""
    because: str = ""
    error: AttachError | None = None


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads as an injection would meet them: parked, with their waits; in state D, and staying there."""

    parked: list[tuple[int, Wait]]
    stuck: list[int]

    def names(self) -> str:
        """The first parked threads with their system calls, best first."""
        shown = [f"{tid} in {wait.name}" for tid, wait in self.parked[:_SHOWN]]
        more = len(self.parked) - _SHOWN
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def survey(process: Process, *, method: str = "auto", force: bool = False, timeout: float = 10.0) -> Survey:
    """Looks at everything that an injection by `method` depends on, as far as the kernel lets us.

    Raises `NoSuchProcess` or `TargetExited` if the process ends meanwhile; every other obstacle is a finding.
    """
    found = Survey()
    running = _check("state", lambda: preflight.check_running(process), "it runs")
    found.checks.append(running)
    if isinstance(running.error, ZombieProcess):  # there is nothing left to look at
        return _decided(found)
    rights = _check_rights(process)
    found.checks += [
        rights,
        _check("itself", lambda: preflight.check_not_ourselves(process), "it is not live-attach"),
        _check("tracer", lambda: preflight.check_untraced(process), "no program traces it"),
        _check("ourselves", preflight.check_own_filter, "no filter denies us what attaching needs"),
    ]
    if rights.level == OK:
        _look_inside(found, process, method, timeout, force)
    else:
        found.checks.append(Finding("python", WARNING, "not known, we may not look into the process"))
    return _decided(found)


def _decided(found: Survey) -> Survey:
    """An obstacle before the ways in comes first, as in an attach."""
    obstacle = next((check.error for check in found.checks if check.error), None)
    found.error = obstacle or found.error
    return found


def _check(about: str, check: Callable[[], object], fine: str) -> Finding:
    """What `check`, which raises if something is in the way, says."""
    try:
        check()
    except (NoSuchProcess, TargetExited):
        raise
    except AttachError as error:
        return refused(about, error)
    return Finding(about, OK, fine, minor=True)


def _check_rights(process: Process) -> Finding:
    capable = preflight.may_ptrace_all()
    why = "we have the capability SYS_PTRACE" if capable else "it is ours to trace"
    found = _check("rights", lambda: preflight.check_rights(process), why)
    return replace(found, facts={"capability": capable, "ptrace_scope": preflight.ptrace_scope()})


# ---- inside ----


def _look_inside(found: Survey, process: Process, method: str, timeout: float, force: bool) -> None:
    """The interpreter, its threads, and the ways in."""
    memory = preflight.open_memory(process)
    try:
        machine = preflight.check_machine(process)
        found.runtime = Runtime(process, memory)
        found.build = look_at_build(found.runtime, process.exe)
        preflight.check_started(found.runtime, machine)
        target = Target(process, memory, found.runtime, machine)
        _look_at_ways(found, target, method, timeout)
        _look_at_filters(found, target, force)
    except (NoSuchProcess, TargetExited):
        raise
    except UnsupportedMachine as error:
        _without_registers(found, process, method, error)
    except AttachError as error:
        found.checks.append(refused("python", error))
    except (MemoryFault, DamagedImage) as fault:
        if not process.alive():
            raise TargetExited(process.pid) from None
        message = f"the memory of process {process.pid} is not that of an interpreter we know: {fault}"
        found.checks.append(refused("python", UnsupportedTarget(message, "Please report this, with the text.")))
    finally:
        memory.close()


def _look_at_filters(found: Survey, target: Target, force: bool) -> None:
    """An attach judges seccomp filters before it does anything; what takes a stopped thread to judge is left to it."""
    judgement = judge_from_outside(target)
    if judgement is None:
        text = "under a filter, which an attach reads first, with one thread stopped, and respects"
        if not force:
            found.because += "; but first the seccomp filter is read, and respected"
        found.checks.append(Finding("seccomp", WARNING, text))
        return
    error = judgement.error(target.process.pid)
    if error and force:
        found.checks.append(Finding("seccomp", WARNING, f"{error.message}; --force attaches all the same"))
    elif error:
        found.checks.append(refused("seccomp", error))
    else:
        found.checks.append(Finding("seccomp", OK, judgement.sentence, minor=True))


def _without_registers(found: Survey, process: Process, method: str, error: UnsupportedMachine) -> None:
    """A machine that this package has no registers for: there is pyrasite, if it is here."""
    way = _pyrasite(process)
    if method not in ("auto", "pyrasite") or way.error:
        found.checks.append(refused("machine", error))
    else:
        found.checks.append(Finding("machine", WARNING, error.message))
        found.ways, found.way, found.because = [way], way.about, way.text


def _look_at_ways(found: Survey, target: Target, method: str, timeout: float) -> None:
    """Each rung of the ladder, then what the ladder would do about them."""
    threads = look_at_threads(target.process, target.machine)
    ptrace = _ptrace(target, threads)
    remote = _remote_exec(target, threads)
    rungs = {"ptrace": ptrace, "remote-exec": remote, "pyrasite": _pyrasite(target.process)}
    found.ways = list(rungs.values())
    chosen = remote if ptrace.level == WARNING and remote.level == OK else ptrace
    way = chosen if method == "auto" else rungs[method]
    found.way, found.because, found.error = way.about, way.text, way.error
    if way is ptrace and threads.parked:
        tid, wait = threads.parked[0]
        found.because = f"thread {tid} is parked in {wait.name}"
    elif way is remote and not threads.parked:
        found.because = "no thread is parked, and the first one to run Python code will obey"
    holder = sleeping_holder(target.runtime)
    if holder:
        text = f"{holder} holds the interpreter lock in a C call, and sleeps: no Python code runs meanwhile"
        found.checks.append(Finding("lock", WARNING, text))
    if holder and way.error is None and way is not rungs["pyrasite"]:
        pid = target.process.pid
        found.error = NoEvaluationPoint(pid, timeout) if way is remote else GilHeld(pid, timeout)


def look_at_threads(process: Process, machine: Machine) -> Threads:
    """The threads now; a thread between two waits, or about to leave state D, is waited for as by an injection."""
    since = time.monotonic()
    stuck = set(process.tids())
    while True:
        parked = [(tid, wait) for tid, wait in threads_in_calls(process, machine) if wait]
        stuck &= {tid for tid in process.tids() if _state(process, tid) == "D"}
        waited = time.monotonic() - since
        if waited > _STUCK_SECONDS or (not stuck and (parked or waited > BETWEEN_WAITS)):
            return Threads(parked, sorted(stuck))
        time.sleep(_LOOK_SECONDS)


def _state(process: Process, tid: int) -> str:
    try:
        return process.status_field("State", tid)[:1]
    except NoSuchProcess:
        return ""


# ---- the ways in ----


def _ptrace(target: Target, threads: Threads) -> Finding:
    facts = {"parked": [{"tid": tid, "call": wait.name} for tid, wait in threads.parked]}
    try:
        target.prepare()
    except AttachError as error:
        return refused("ptrace", error, **facts)
    count = len(target.process.tids())
    if threads.parked:
        text = f"{len(threads.parked)} of {count} threads parked: {threads.names()}"
        return Finding("ptrace", OK, text if count > 1 else f"thread {threads.names()}, parked", facts=facts)
    if target.process.pid in threads.stuck:
        return refused("ptrace", ThreadNotStopping(target.process.pid, target.process.pid), **facts)
    text = "no thread is parked; by a pending call, when the main thread comes to run Python code"
    return Finding("ptrace", WARNING, text, facts=facts)


def _remote_exec(target: Target, threads: Threads) -> Finding:
    """PEP 768 stops every thread while the requests are written."""
    process = target.process
    try:
        obedient(target.runtime)
        place = place_for_script(process)
    except MethodUnavailable as error:
        return refused("remote-exec", error)
    except NoPlace as error:
        return refused("remote-exec", MethodUnavailable("remote-exec", str(error)))
    for tid in process.tids():
        if tid in threads.stuck:
            return refused("remote-exec", ThreadNotStopping(process.pid, tid))
        tracer = process.tracer_of(tid)
        if tracer:
            return refused("remote-exec", AlreadyTraced(process.pid, *tracer))
    return Finding("remote-exec", OK, f"its script would be in {place} for a moment", facts={"directory": place})


def _pyrasite(process: Process) -> Finding:
    why = why_unavailable(process)
    if not why:
        try:
            place_for_script(process)
        except NoPlace as error:
            why = str(error)
    if why:
        return replace(refused("pyrasite", MethodUnavailable("pyrasite", why)), minor=True)
    return Finding("pyrasite", OK, "gdb and pyrasite are here", minor=True)
