"""Seccomp filters, put together by hand, and installing them (seccomp(2)). For Python 3.8 as well: targets use it."""

import ctypes
import os
import struct
from typing import Dict  # noqa: UP035  # tests/targets imports this in 3.8

KILL_PROCESS, KILL_THREAD, TRAP, ERRNO = 0x80000000, 0, 0x00030000, 0x00050000
USER_NOTIF, TRACE, LOG, ALLOW = 0x7FC00000, 0x7FF00000, 0x7FFC0000, 0x7FFF0000

X86_64, I386 = 0xC000003E, 0x40000003  # AUDIT_ARCH_* of linux/audit.h
NEW_LISTENER = 8  # SECCOMP_FILTER_FLAG_NEW_LISTENER

_SYS_SECCOMP = 317
_libc = ctypes.CDLL(None, use_errno=True)


def instruction(code: int, k: int = 0, if_true: int = 0, if_false: int = 0) -> bytes:
    """One struct sock_filter."""
    return struct.pack("<HBBI", code, if_true, if_false, k)


def load(offset: int) -> bytes:
    """The 32 bits at `offset` of struct seccomp_data: 0 number, 4 architecture, 16 + 8 * n argument n."""
    return instruction(0x20, offset)


def give(value: int) -> bytes:
    """The end: this action, with an errno added to ERRNO."""
    return instruction(0x06, value)


def if_equal(k: int, then: bytes) -> bytes:
    """`then`, some instructions, if what was loaded equals `k`."""
    return instruction(0x15, k, 0, len(then) // 8) + then


def if_any_bit(k: int, then: bytes) -> bytes:
    """`then` if what was loaded has a bit of `k`."""
    return instruction(0x45, k, 0, len(then) // 8) + then


def deny(calls: Dict[int, int], otherwise: int = ALLOW) -> bytes:  # noqa: UP006
    """A filter by the numbers of system calls: `calls` maps them to what they get."""
    return load(0) + b"".join(if_equal(number, give(value)) for number, value in calls.items()) + give(otherwise)


def install(program: bytes, flags: int = 0) -> int:
    """Puts a filter on the calling thread, for good. Returns what seccomp(2) does."""
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    assert _libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    result: int = _libc.syscall(_SYS_SECCOMP, 1, flags, described)  # SECCOMP_SET_MODE_FILTER
    assert result >= 0, os.strerror(ctypes.get_errno())
    return result
