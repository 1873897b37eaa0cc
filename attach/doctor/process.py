"""The diagnosis of one process."""

import contextlib
import os

from attach import tracers
from attach.channel import rendezvous
from attach.doctor.verdict import Diagnosis, Verdict
from attach.errors import AttachError, NoSuchProcess, NotAttached
from attach.finding import OK, WARNING, Finding, refused
from attach.inject.survey import Survey, survey
from attach.process import Process
from attach.session import DEFAULT_TIMEOUT, Session

_STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting for a device",
    "T": "stopped",
    "t": "stopped by its tracer",
    "Z": "ended",
}
#: Measured: what the agent has open at most while coverage starts, with one operator and a margin for another.
_DESCRIPTORS = 6
#: How much of a command line a sentence holds.
_SHOWN = 100
#: From here on, lines are measured without a tracer (PEP 669).
_MONITORING = (3, 12)


def examine(pid: int, *, method: str = "auto", timeout: float = DEFAULT_TIMEOUT, force: bool = False) -> Diagnosis:
    """What `Session.attach` would do with the same arguments, and why. Injects, stops and writes nothing.

    Every obstacle is a finding; none is raised.
    """
    findings: list[Finding] = []
    try:
        verdict = _examine(Process(pid), findings, method, timeout, force)
    except AttachError as error:  # it has gone, perhaps meanwhile, or the number is a thread's
        findings.append(refused("process", error))
        verdict = _fails(error)
    return Diagnosis(pid, verdict, findings)


def _examine(process: Process, findings: list[Finding], method: str, timeout: float, force: bool) -> Verdict:
    found = survey(process, method=method, timeout=timeout, force=force)
    may_join = not any(check.error for check in found.checks if check.about in ("state", "rights"))
    agent = _agent(process, timeout, may_join)
    channel = _channel()
    findings.append(_process(process))
    findings += _interpreter(found, process)
    findings += found.checks
    findings += found.ways
    findings += [finding for finding in (agent, channel, _coverage(found)) if finding]
    findings += _surroundings(process)
    if may_join and agent and agent.facts["attached"]:
        error = channel.error or agent.error
        return _fails(error) if error else Verdict("attach would join the agent that is there", "present")
    error = channel.error if may_join and channel.error else found.error
    if error:
        return _fails(error)
    return Verdict(f"attach would use {found.way}: {found.because}", found.way)


def _fails(error: AttachError) -> Verdict:
    return Verdict(f"attach would fail: {error.message}", error=error)


def _process(process: Process) -> Finding:
    state, count = process.state, len(process.tids())
    command = " ".join(process.argv) or f"[{process.name}]"
    facts = {
        "ppid": process.ppid,
        "command": command,
        "user": process.user,
        "uid": process.uid,
        "euid": process.euid,
        "state": state,
        "threads": count,
    }
    threads = "1 thread" if count == 1 else f"{count} threads"
    short = command if len(command) <= _SHOWN else command[: _SHOWN - 3] + "..."
    text = f"{process.pid} of {process.user}, {_STATES.get(state, state)}, {threads}: {short}"
    return Finding("process", OK, text, facts=facts)


def _interpreter(found: Survey, process: Process) -> list[Finding]:
    runtime, build = found.runtime, found.build
    if runtime is None or build is None:
        return []
    executable = process.exe
    name = os.path.basename(executable.removesuffix(" (deleted)"))
    embedded = not name.startswith("python")
    kinds = [f"CPython {runtime.version}", build.libc]
    kinds += ["debug build"] if build.debug else []
    kinds += ["free-threaded"] if build.free_threaded else []
    kinds.append(f"embedded in {name}" if embedded else "shared libpython" if build.library else "static")
    facts = {
        "version": str(runtime.version),
        "libc": build.libc,
        "executable": executable,
        "libpython": build.library or None,
        "embedded": embedded,
        "debug": build.debug,
        "free_threaded": build.free_threaded,
        "interpreters": build.interpreters,
    }
    findings = [Finding("interpreter", OK, ", ".join(kinds), facts=facts)]
    if build.free_threaded:
        findings.append(Finding("free-threaded", WARNING, "free-threaded builds are untested"))
    if (build.interpreters or 1) > 1:
        text = f"{build.interpreters} interpreters in the process: the agent comes to the main one"
        findings.append(Finding("interpreters", WARNING, text))
    if executable.endswith(" (deleted)"):
        text = "the executable was deleted or replaced on disk since the start; no obstacle"
        findings.append(Finding("executable", OK, text, minor=True))
    return findings


def _agent(process: Process, timeout: float, may_join: bool) -> Finding | None:
    """None where we may not look."""
    try:
        meeting = rendezvous.find(process)
    except (OSError, NoSuchProcess):
        return None
    if meeting is None:
        return Finding("agent", OK, "none in the process", facts={"attached": False}, minor=True)
    facts = {"attached": True, "version": meeting.agent_version}
    if not may_join:
        return Finding("agent", OK, f"version {meeting.agent_version} is in the process", facts=facts)
    try:
        with Session.join(process.pid, timeout=timeout) as session:
            coverage = dict(session.status()["coverage"])
    except NotAttached:  # it has just gone
        return Finding("agent", OK, "none in the process", facts={"attached": False}, minor=True)
    except AttachError as error:
        return refused("agent", error, **facts)
    doing = "measuring" if coverage.get("measuring") else "stopped" if "files" in coverage else "idle"
    words = {"measuring": "it measures", "stopped": "it holds a measurement that is stopped", "idle": "it is idle"}
    text = f"version {meeting.agent_version} is in the process; {words[doing]}"
    return Finding("agent", OK, text, facts={**facts, "doing": doing})


def _channel() -> Finding:
    try:
        rendezvous.check_kernel()
    except AttachError as error:
        return refused("channel", error)
    return Finding("channel", OK, "this kernel has pidfd_getfd(2)", minor=True)


def _coverage(found: Survey) -> Finding | None:
    """What start-coverage needs besides an agent: nothing from Python 3.12 on."""
    if found.runtime is None or found.build is None:
        return None
    version = found.runtime.version.pair
    if version >= _MONITORING:
        return Finding("coverage", OK, "without a tracer", minor=True)
    try:
        where = tracers.available(version, libc=found.build.libc)
    except AttachError as error:
        return refused("coverage", error)
    python = f"{version[0]}.{version[1]}"
    if where:
        text, level = f"with the tracer for {python} of {where}", OK
    else:
        text = f"the tracer for {python} is not here yet: start-coverage has pip fetch it, unless the process has one"
        level = WARNING
    return Finding("coverage", level, text, facts={"tracer": where or None}, minor=level == OK)


def _surroundings(process: Process) -> list[Finding]:
    """What is no obstacle, but explains much."""
    findings = [*_namespaces(process), *_descriptors(process)]
    with contextlib.suppress(OSError):
        owner = os.stat(process.path("status")).st_uid
        if owner != process.euid:  # proc(5): root owns the files of who is not dumpable
            text = f"not dumpable: only root may look into it, not even {process.user}"
            findings.append(Finding("dumpable", OK, text, facts={"dumpable": False}, minor=True))
    others = []
    for tid in process.tids()[1:]:
        with contextlib.suppress(NoSuchProcess):
            tracer = process.tracer_of(tid)
            others += [f"thread {tid} is traced by {tracer[1]} (PID {tracer[0]})"] if tracer else []
    if others:
        findings.append(Finding("threads", WARNING, f"{others[0]}; it is not borrowed", facts={"threads": len(others)}))
    return findings


def _descriptors(process: Process) -> list[Finding]:
    """Whether the agent will get its descriptors. Empty where we may not look."""
    try:
        opened = len(os.listdir(process.path("fd")))
        limits = process.read("limits").decode("ascii", "replace")
    except (OSError, NoSuchProcess):
        return []
    soft = next((line.split()[3] for line in limits.splitlines() if line.startswith("Max open files")), "")
    if not soft.isdecimal():
        return []
    free, facts = max(int(soft) - opened, 0), {"open": opened, "limit": int(soft)}
    if free >= _DESCRIPTORS:
        return [Finding("descriptors", OK, f"{opened} of {soft} are open", facts=facts, minor=True)]
    text = f"{opened} of {soft} are open: the agent needs up to {_DESCRIPTORS} more, and may fail to start"
    return [Finding("descriptors", WARNING, text, facts=facts)]


def _namespaces(process: Process) -> list[Finding]:
    """Empty where we may not look."""
    try:
        os.readlink(process.path("ns/mnt"))
    except OSError:
        return []
    foreign = sorted(process.foreign_namespaces)
    text = f"not ours: {', '.join(foreign)}" if foreign else "ours"
    text += f"; inside it is PID {process.inner_pid}" if "pid" in foreign else ""
    facts = {"foreign": foreign, "inner_pid": process.inner_pid}
    return [Finding("namespaces", OK, text, facts=facts, minor=not foreign)]
