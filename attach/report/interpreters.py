"""An interpreter of the target's version, to analyze sources as that version sees them.

One of the operator's own comes first. The target's own is believed as little as the target, and gets no more rights
than the target has (`attach.report.confined`).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attach.report import confined
from attach.report.workers import Worker, WorkerFailed, greet, spawned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def same_analysis(python: tuple[int, int, int]) -> bool:
    """Whether this process's Python analyzes sources as the target's does: micro versions do not matter for it."""
    return sys.implementation.name == "cpython" and sys.version_info[:2] == python[:2]


@dataclass(frozen=True)
class Interpreter:
    """How to start workers of another version. `pid` is the process whose own interpreter it is, 0 for ours."""

    version: tuple[int, int]
    command: str
    pid: int = 0

    def start(self, settings: dict[str, Any]) -> Worker:
        """A worker that is ready for questions.

        Raises WorkerFailed.
        """
        worker = confined.spawned(self.pid) if self.pid else spawned(self.command)
        try:
            greet(worker, settings, self.version)
        except BaseException:
            worker.close()
            raise
        return worker


def find(python: tuple[int, int, int], pid: int, settings: dict[str, Any]) -> tuple[Interpreter, Worker]:
    """The first interpreter that works, with a worker of it.

    Raises WorkerFailed with what is wrong with the target's own.
    """
    version = python[:2]
    for command in _own(version):
        interpreter = Interpreter(version, command)
        try:
            return interpreter, interpreter.start(settings)
        except WorkerFailed:
            continue
    interpreter = Interpreter(version, "", pid)
    return interpreter, interpreter.start(settings)


def _own(version: tuple[int, int]) -> Iterator[str]:
    """Interpreters of the operator's: this one, and those on PATH, but for places that depend on where we stand."""
    if sys.version_info[:2] == version and sys.executable:
        yield sys.executable
    yield from _on_path(f"python{version[0]}.{version[1]}", os.get_exec_path())


def _on_path(name: str, folders: Sequence[str]) -> Iterator[str]:
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isabs(folder) and os.access(path, os.X_OK):
            yield path
