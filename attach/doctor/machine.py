"""The diagnosis of the machine, and of the side from which one attaches."""

import importlib.metadata
import os
import platform
import sys

from attach import tracers
from attach.channel import rendezvous
from attach.doctor.verdict import Diagnosis, Verdict
from attach.errors import AttachError, PtraceScope
from attach.finding import NO, OK, WARNING, Finding, refused
from attach.inject import preflight, programs, staging
from attach.listing import look_around
from attach.process import Process
from attach_agent.wire import __version__

#: The inode numbers of the namespaces that the kernel starts with (include/linux/proc_ns.h).
_FIRST_NAMESPACES = {"user": 0xEFFFFFFD, "pid": 0xEFFFFFFC}
_PACKAGES = ("rpyc", "coverage", "click")
_SECCOMP = {0: "none", 1: "strict", 2: "a filter"}


def examine_machine() -> Diagnosis:
    """What this machine lets us do, whatever the process."""
    ourselves = Process(os.getpid())
    findings = [_kernel(ourselves), _channel(), _rights(), *_confinement(ourselves), _processes()]
    findings += [_programs(), _packages(), _tracers()]
    error = next((finding.error for finding in findings if finding.error), None)
    processes = next(finding for finding in findings if finding.about == "processes")
    text = f"attach would fail: {error.message}" if error else f"attach can work here; {processes.text}"
    return Diagnosis(None, Verdict(text, error=error), findings)


def _kernel(ourselves: Process) -> Finding:
    system = os.uname()
    facts = {"release": system.release, "machine": system.machine}
    try:
        preflight.check_machine(ourselves)
    except AttachError as error:
        return Finding("kernel", NO, f"no way into programs for {system.machine}", error, facts)
    return Finding("kernel", OK, f"Linux {system.release} on {system.machine}", facts=facts)


def _channel() -> Finding:
    has_openat2 = staging.has_openat2()
    try:
        rendezvous.check_kernel()
    except AttachError as error:
        return refused("channel", error, openat2=has_openat2)
    text = "pidfd_getfd(2) and openat2(2)" if has_openat2 else "pidfd_getfd(2); no openat2(2), so no remote-exec"
    return Finding("channel", OK if has_openat2 else WARNING, text, facts={"pidfd_getfd": True, "openat2": has_openat2})


def _rights() -> Finding:
    capable, scope = preflight.may_ptrace_all(), preflight.ptrace_scope()
    facts = {"euid": os.geteuid(), "capability": capable, "ptrace_scope": scope}
    whose = "every process" if capable else "processes of our user"
    why = "with" if capable else "without"
    text = f"{whose}, {why} the capability SYS_PTRACE; ptrace_scope is {scope}"
    if scope >= 3:
        error = PtraceScope(os.getpid(), scope)
        return Finding("rights", NO, "ptrace_scope is 3: nobody may trace until the next boot", error, facts)
    if not capable and scope:
        return Finding("rights", WARNING, f"ptrace_scope is {scope}: only with sudo", facts=facts)
    if not capable and os.geteuid() == 0:
        return Finding("rights", WARNING, "root, but without the capability SYS_PTRACE: others' processes only from "
                       "the host, or with --cap-add=SYS_PTRACE", facts=facts)  # fmt: skip
    return Finding("rights", OK, text, facts=facts)


def _confinement(ourselves: Process) -> list[Finding]:
    """Where we are ourselves."""
    inside = [kind for kind, first in _FIRST_NAMESPACES.items() if _inode(kind) not in (first, None)]
    marks = [path for path in ("/.dockerenv", "/run/.containerenv") if os.path.exists(path)]
    contained = bool(inside or marks or "KUBERNETES_SERVICE_HOST" in os.environ)
    text = "not that we see"
    if contained:
        text = "we are in one" + ("; processes outside it stay unseen" if "pid" in inside else "")
    seccomp = ourselves.seccomp
    return [
        Finding("container", OK, text, facts={"contained": contained, "namespaces": inside}, minor=not contained),
        Finding("seccomp", OK, f"on ourselves: {_SECCOMP.get(seccomp, seccomp)}", facts={"seccomp": seccomp},
                minor=not seccomp),
    ]  # fmt: skip


def _inode(kind: str) -> int | None:
    try:
        return os.stat(f"/proc/self/ns/{kind}").st_ino
    except OSError:
        return None


def _processes() -> Finding:
    around = look_around()
    found = [process for process in around.processes if process.pid != os.getpid()]
    text = f"{len(found)} Python process{'es'[len(found) == 1 and 2 :]} that we may attach to"
    if around.hidden:
        text += f", {around.hidden} process{'es'[around.hidden == 1 and 2 :]} that we may not look into"
    return Finding("processes", OK, text, facts={"python": len(found), "hidden": around.hidden})


def _programs() -> Finding:
    facts = {"gdb": programs.gdb_version(), "pyrasite": programs.pyrasite_version()}
    words = [f"no {name}" if version is None else f"{name} {version}".rstrip() for name, version in facts.items()]
    return Finding("programs", OK, f"{', '.join(words)}; only --method pyrasite needs them", facts=facts, minor=True)


def _packages() -> Finding:
    facts = {"live-attach": __version__, "python": platform.python_version(), "executable": sys.executable}
    for name in _PACKAGES:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts[name] = "?"
    text = ", ".join(f"{name} {facts[name]}" for name in ("live-attach", "python", *_PACKAGES))
    return Finding("packages", OK, text, facts=facts, minor=True)


def _tracers() -> Finding:
    there = {f"{major}.{minor}": release for (major, minor), release in sorted(tracers.cached().items())}
    wanted = [f"{major}.{minor}" for major, minor in tracers.versions()]
    missing = [version for version in wanted if version not in there]
    text = f"for Python {', '.join(there)} in the cache" if there else "none in the cache"
    text += f"; for {', '.join(missing)} pip fetches it when first needed" if missing else ""
    return Finding("tracers", OK, text, facts={"cached": there}, minor=True)
