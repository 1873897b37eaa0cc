"""The system calls that an interpreter needs to start, to read its library, to compute and to answer.

As a seccomp filter (Documentation/userspace-api/seccomp_filter.rst): these are let through, some with certain arguments
only, every other one fails with EPERM.
"""

from __future__ import annotations

import errno
import struct

#: AUDIT_ARCH_* of linux/audit.h.
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Numbers on x86_64 and aarch64 (the kernel's syscall_64.tbl and asm-generic/unistd.h); None where there is none.
_ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "close": (3, 57),
    "poll": (7, None),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "access": (21, None),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "dup": (32, 23),
    "getpid": (39, 172),
    "execve": (59, 221),
    "exit": (60, 93),
    "uname": (63, 160),
    "getcwd": (79, 17),
    "readlink": (89, None),
    "gettimeofday": (96, 169),
    "getrlimit": (97, None),
    "sysinfo": (99, 179),
    "getuid": (102, 174),
    "getgid": (104, 176),
    "geteuid": (107, 175),
    "getegid": (108, 177),
    "sigaltstack": (131, 132),
    "arch_prctl": (158, None),
    "gettid": (186, 178),
    "time": (201, None),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "getdents64": (217, 61),
    "set_tid_address": (218, 96),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "exit_group": (231, 94),
    "newfstatat": (262, 79),
    "readlinkat": (267, 78),
    "faccessat": (269, 48),
    "ppoll": (271, 73),
    "set_robust_list": (273, 99),
    "getrandom": (318, 278),
    "execveat": (322, 281),
    "statx": (332, 291),
    "rseq": (334, 293),
    "faccessat2": (439, 439),
}
_OPEN, _OPENAT = (2, None), (257, 56)
_FCNTL, _IOCTL, _PRLIMIT64 = (72, 25), (16, 29), (302, 261)

#: Bits of open(2)'s flags with which something could be written: the access mode, O_CREAT, O_TRUNC, O_TMPFILE.
_WRITING = 0o3 | 0o100 | 0o1000 | 0o20000000
#: F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC of fcntl(2).
_FCNTLS = (0, 1, 2, 3, 1030)
#: TCGETS, FIONCLEX, FIOCLEX of ioctl_tty(2) and ioctl(2).
_IOCTLS = (0x5401, 0x5450, 0x5451)

# linux/filter.h and linux/seccomp.h
_LOAD, _JUMP_EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
#: Offsets in struct seccomp_data: the number, the architecture, the low half of each argument.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_Instruction = tuple[int, int, int, int]


def seccomp_program(machine: str) -> bytes | None:
    """The filter, as an array of struct sock_filter, for a machine as uname(2) names it; None for others."""
    if machine not in _ARCHITECTURES:
        return None
    column = list(_ARCHITECTURES).index(machine)
    program: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for numbers in _ALLOWED.values():
        program += _if_number(numbers[column], [(_RETURN, 0, 0, _ALLOW)])
    program += _if_number(_OPEN[column], _if_no_bits(1, _WRITING))
    program += _if_number(_OPENAT[column], _if_no_bits(2, _WRITING))
    program += _if_number(_FCNTL[column], _if_one_of(1, _FCNTLS))
    program += _if_number(_IOCTL[column], _if_one_of(1, _IOCTLS))
    program += _if_number(_PRLIMIT64[column], _if_one_of(0, (0,)))
    program.append((_RETURN, 0, 0, _FAIL))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _if_number(number: int | None, then: list[_Instruction]) -> list[_Instruction]:
    """Do `then`, which returns, if this is the system call."""
    return [] if number is None else [(_JUMP_EQUAL, 0, len(then), number), *then]


def _if_no_bits(argument: int, bits: int) -> list[_Instruction]:
    """Allow if an argument has none of these bits."""
    return [
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (_AND, 0, 0, bits),
        (_JUMP_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _FAIL),
    ]


def _if_one_of(argument: int, values: tuple[int, ...]) -> list[_Instruction]:
    """Allow if an argument is one of these values."""
    tests: list[_Instruction] = []
    for value in values:
        tests += [(_JUMP_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *tests, (_RETURN, 0, 0, _FAIL)]
