"""Which processes are CPython: for ``attach ps``."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from attach.channel import rendezvous
from attach.errors import AttachError
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


def python_processes() -> Iterator[PythonProcess]:
    """Every CPython process that we may look into, by PID; embedded and renamed ones too, told by their symbols.

    Raises `OtherProc`.
    """
    check_proc()
    for pid in sorted(pids()):
        try:
            found = _look(pid)
        except (AttachError, OSError):  # it ended, is not Python, or is not ours to look into
            continue
        yield found


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
