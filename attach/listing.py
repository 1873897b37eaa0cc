"""Which processes are CPython: for ``attach ps``."""

import contextlib
from dataclasses import dataclass, field

from attach.channel import rendezvous
from attach.errors import AttachError, PermissionRefused
from attach.inject import python_version
from attach.proc import check_proc
from attach.process import Process, pids


@dataclass(frozen=True)
class PythonProcess:
    """One line of ``attach ps``. `command` is the target's text: escape it before it reaches a terminal."""

    pid: int
    ppid: int
    user: str
    version: str
    state: str
    attached: bool
    command: str


@dataclass
class Around:
    """The CPython processes that we may look into, by PID; and how many processes there are that we may not."""

    processes: list[PythonProcess] = field(default_factory=list)
    hidden: int = 0


def look_around() -> Around:
    """Looks at every process; embedded and renamed interpreters are found too, by their symbols.

    Raises `OtherProc`.
    """
    check_proc()
    around = Around()
    for pid in sorted(pids()):
        try:
            around.processes.append(_look(pid))
        except (PermissionRefused, PermissionError):
            with contextlib.suppress(AttachError):
                around.hidden += not Process(pid).is_kernel_thread
        except (AttachError, OSError):  # it ended, or is not Python
            continue
    return around


def python_children(process: Process) -> list[int]:
    """The children of a process that run CPython, by PID: a server's workers, for instance."""
    found = []
    for pid in process.children():
        with contextlib.suppress(AttachError, OSError):
            python_version(Process(pid))
            found.append(pid)
    return found


def _look(pid: int) -> PythonProcess:
    process = Process(pid)
    version = python_version(process)
    return PythonProcess(
        pid=pid,
        ppid=process.ppid,
        user=process.user,
        version=version,
        state=process.state,
        attached=rendezvous.find(process) is not None,
        command=" ".join(process.argv) or f"[{process.name}]",
    )
