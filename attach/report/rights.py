"""Doing something with no more rights than another process has."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from typing import TYPE_CHECKING, TypeVar

from attach.report.data import Owner

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: setgroups(2); glibc's wrapper changes every thread, the system call only its own (nptl(7)).
_SETGROUPS = {"x86_64": 116, "aarch64": 159}


def owner_of(pid: int) -> Owner | None:
    """The rights with which process `pid` reads files (proc_pid_status(5)), None if it has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line)
    except OSError:
        return None
    # real, effective, saved, file system
    uid, gid = int(fields["Uid"].split()[3]), int(fields["Gid"].split()[3])
    return Owner(uid, gid, tuple(int(group) for group in fields["Groups"].split()))


def with_rights_of(owner: Owner | None, work: Callable[[], T]) -> T:
    """Run `work` with `owner`'s file system rights if ours are root's and theirs are not; else with ours.

    It runs in a thread of its own that ends afterwards: file system credentials belong to a thread, so the
    rest of this process keeps its own and nothing has to be set back.

    Raises:
        PermissionError: the rights cannot be given up; `work` was not run.
    """
    if os.geteuid() != 0 or (owner is not None and owner.uid == 0):
        return work()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            _become(owner or Owner(65534, 65534))  # nobody: what the world may read
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="attach-sources", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _become(owner: Owner) -> None:
    """Give this thread the file system credentials of `owner`; the kernel then ignores its CAP_DAC_*."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = _SETGROUPS.get(platform.machine())
    groups = (ctypes.c_uint32 * len(owner.groups))(*owner.groups)
    if number is None or libc.syscall(ctypes.c_long(number), ctypes.c_size_t(len(groups)), groups) != 0:
        raise PermissionError("the rights of the process's user cannot be taken on here")
    libc.setfsgid(ctypes.c_uint32(owner.gid))
    libc.setfsuid(ctypes.c_uint32(owner.uid))
    # both answer with the value before; -1 changes nothing (setfsuid(2), NOTES)
    nothing = ctypes.c_uint32(0xFFFFFFFF)
    if (libc.setfsgid(nothing), libc.setfsuid(nothing)) != (owner.gid, owner.uid):
        raise PermissionError("the rights of the process's user cannot be taken on here")
