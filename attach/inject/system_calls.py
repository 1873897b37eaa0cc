"""Which system calls happen in the target because of us, and with which arguments: what a seccomp filter is asked.

Found by recording all system calls of targets while they were attached to, measured and left; a test does the same
(tests/end_to_end/test_system_calls.py) and fails if the agent learns a new one. What happens only at times, as the
call that the C library falls back to, was added by reading glibc's nptl and CPython.
"""

import enum
from dataclasses import dataclass

from attach.inject.machine import Machine


class Argument(enum.IntEnum):
    """Arguments without a fixed value, as negative numbers that no system call takes."""

    #: An address in the target.
    POINTER = -1000
    #: A size in bytes.
    SIZE = -1001
    #: A descriptor of ours, never one of the first three.
    DESCRIPTOR = -1002
    #: A number of any kind.
    NUMBER = -1003


POINTER, SIZE, DESCRIPTOR, NUMBER = Argument.POINTER, Argument.SIZE, Argument.DESCRIPTOR, Argument.NUMBER

#: What a filter sees for these.
_TYPICAL = {POINTER: 0x7F1234567000, SIZE: 0x6000, DESCRIPTOR: 9, NUMBER: 1}
#: With these the kernel refuses a call before it does anything, or does nothing.
_HARMLESS = {POINTER: 0, SIZE: 0, DESCRIPTOR: -1, NUMBER: 0}

_X86_64 = 62  # e_machine

_READ, _WRITE, _EXEC = 1, 2, 4
_PRIVATE, _FIXED, _ANONYMOUS, _DENYWRITE, _NORESERVE, _STACK = 0x2, 0x10, 0x20, 0x800, 0x4000, 0x20000
_NO_DESCRIPTOR = 0xFFFFFFFF
_AT_FDCWD = 0xFFFFFF9C
_CLOEXEC = 0x80000
_O_WRONLY, _O_PATH, _O_DIRECTORY, _O_NONBLOCK = 0x1, 0x200000, 0x10000, 0x800
_O_CREAT_EXCL, _O_CREAT_APPEND = 0xC1, 0x441
# what glibc's pthread_create wants shared: CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, ... (clone(2))
_CLONE_THREAD = 0x3D0F00
_CLONE_PIDFD = 0x1000
_MADV_DONTNEED, _MADV_DONTFORK, _MADV_GUARD_INSTALL = 4, 10, 102
_FUTEX_WAIT, _FUTEX_WAKE, _FUTEX_WAIT_BITSET, _FUTEX_PRIVATE, _FUTEX_CLOCK_REALTIME = 0, 1, 9, 128, 256
_ANY_BIT = 0xFFFFFFFF
_AF_UNIX, _SOCK_SEQPACKET, _SOL_SOCKET = 1, 5, 1
_RSEQ_SIGNATURE = 0x53053053


@dataclass(frozen=True, slots=True)
class Call:
    """One system call. `needed`: with an error instead of it we get no further, or the process could suffer."""

    name: str
    number: int
    arguments: tuple[int, ...]
    why: str
    needed: bool = True

    @property
    def typical(self) -> tuple[int, ...]:
        """The arguments as a filter would see them."""
        return tuple(_TYPICAL.get(value, value) for value in self.arguments)  # type: ignore[call-overload]

    @property
    def harmless(self) -> tuple[int, ...]:
        """Arguments with which it does nothing, while all that a filter may look at is the same.

        A filter cannot follow a pointer. clone(2) is refused for a flag that excludes another one (Linux 5.2).
        """
        values = tuple(_HARMLESS.get(value, value) for value in self.arguments)  # type: ignore[call-overload]
        return (values[0] | _CLONE_PIDFD, *values[1:]) if self.name == "clone" else values


def _mmap(protection: int, flags: int, descriptor: int, why: str) -> Call:
    offset = SIZE if descriptor == DESCRIPTOR else 0
    return Call("mmap", 9, (POINTER, SIZE, protection, flags | _PRIVATE, descriptor, offset), why)


def _futex(command: int, *arguments: int) -> Call:
    return Call("futex", 202, (POINTER, command | _FUTEX_PRIVATE, NUMBER, *arguments), "for locks")


def _madvise(advice: int, why: str) -> Call:
    return Call("madvise", 28, (POINTER, SIZE, advice), why, needed=False)


def _open(flags: int, mode: int, why: str) -> Call:
    return Call("openat", 257, (_AT_FDCWD, POINTER, flags | _CLOEXEC, mode), why, needed=False)


_ON_X86_64 = (
    # the borrowed thread
    _mmap(_READ | _EXEC, _ANONYMOUS, -1, "to map the code of our thread"),
    _mmap(_READ | _WRITE, _ANONYMOUS | _FIXED, -1, "to map what our thread reads"),
    Call("munmap", 11, (POINTER, SIZE), "to leave no memory behind"),
    Call("restart_syscall", 219, (), "to continue an interrupted wait"),
    Call("rt_sigreturn", 15, (), "to let a borrowed thread go on by itself if we die"),
    # pthread_create, malloc, and the end of a thread
    _mmap(0, _ANONYMOUS | _STACK, _NO_DESCRIPTOR, "for the stack of a thread"),
    _mmap(_READ | _WRITE, _ANONYMOUS | _STACK, _NO_DESCRIPTOR, "for the stack of a thread"),
    _mmap(0, _ANONYMOUS | _NORESERVE, _NO_DESCRIPTOR, "for memory"),
    _mmap(0, _ANONYMOUS, _NO_DESCRIPTOR, "for memory"),
    _mmap(_READ | _WRITE, _ANONYMOUS, _NO_DESCRIPTOR, "for memory"),
    Call("mprotect", 10, (POINTER, SIZE, _READ | _WRITE), "for stacks and memory"),
    Call("mprotect", 10, (POINTER, SIZE, _READ), "to load a library"),
    Call("brk", 12, (POINTER,), "for memory", needed=False),
    # whether clone will do instead is for the C library to know
    Call("clone3", 435, (POINTER, 88), "to start a thread", needed=False),
    Call("clone", 56, (_CLONE_THREAD, POINTER, POINTER, POINTER, POINTER), "to start a thread"),
    Call("set_robust_list", 273, (POINTER, 24), "at the start of a thread", needed=False),
    Call("rseq", 334, (POINTER, 32, 0, _RSEQ_SIGNATURE), "at the start of a thread"),
    Call("rt_sigaction", 13, (33, POINTER, 0, 8), "at the start of the first thread", needed=False),
    Call("rt_sigprocmask", 14, (0, POINTER, POINTER, 8), "to keep the program's signals from our thread"),
    Call("rt_sigprocmask", 14, (1, POINTER, POINTER, 8), "to keep the program's signals from our thread"),
    Call("rt_sigprocmask", 14, (2, POINTER, POINTER, 8), "to keep the program's signals from our thread"),
    Call("gettid", 186, (), "to know our thread"),
    Call("sched_getaffinity", 204, (NUMBER, SIZE, POINTER), "at the start of a thread", needed=False),
    _madvise(_MADV_GUARD_INSTALL, "at the start of a thread"),
    _madvise(_MADV_DONTNEED, "at the end of a thread"),
    _madvise(_MADV_DONTFORK, "at the start of a thread"),
    Call("exit", 60, (0,), "to end a thread"),
    # Python's locks, clocks and waits
    _futex(_FUTEX_WAIT_BITSET, POINTER, 0, _ANY_BIT),
    _futex(_FUTEX_WAIT_BITSET | _FUTEX_CLOCK_REALTIME, POINTER, 0, _ANY_BIT),
    _futex(_FUTEX_WAIT, POINTER),
    _futex(_FUTEX_WAKE),
    Call("clock_gettime", 228, (0, POINTER), "to tell the time"),
    Call("clock_nanosleep", 230, (1, 1, POINTER, 0), "to let other threads run", needed=False),
    # the rendezvous and the channel
    Call("getpid", 39, (), "to tell a forked child from its parent"),
    Call("geteuid", 107, (), "to tell who asks"),
    Call("memfd_create", 319, (POINTER, 1), "for the mark by which the agent is found"),
    Call("write", 1, (DESCRIPTOR, POINTER, SIZE), "for the mark by which the agent is found"),
    Call("socketpair", 53, (_AF_UNIX, _SOCK_SEQPACKET | _CLOEXEC, 0, POINTER), "for the agent's door"),
    Call("getsockname", 51, (DESCRIPTOR, POINTER, POINTER), "for the channel"),
    Call("getsockopt", 55, (DESCRIPTOR, _SOL_SOCKET, 3, POINTER, POINTER), "for the channel"),
    Call("getsockopt", 55, (DESCRIPTOR, _SOL_SOCKET, 38, POINTER, POINTER), "for the channel"),
    Call("setsockopt", 54, (DESCRIPTOR, _SOL_SOCKET, 16, POINTER, 4), "to be told who asks"),
    Call("ioctl", 16, (DESCRIPTOR, 0x5421, POINTER), "for the agent's door"),  # FIONBIO
    Call("fcntl", 72, (DESCRIPTOR, 1030, 3), "to leave the standard descriptors alone"),  # F_DUPFD_CLOEXEC
    Call("poll", 7, (POINTER, 1, 60000), "to wait for an operator"),
    Call("recvmsg", 47, (DESCRIPTOR, POINTER, 0x40000000), "to be given a channel"),
    Call("recvfrom", 45, (DESCRIPTOR, POINTER, SIZE, 0, 0, 0), "for the channel"),
    Call("sendto", 44, (DESCRIPTOR, POINTER, SIZE, 0x4000, 0, 0), "for the channel"),
    Call("shutdown", 48, (DESCRIPTOR, 2), "to leave"),
    Call("close", 3, (DESCRIPTOR,), "to leave no descriptor behind"),
    # the thread's name; modules of the standard library, the tracer, and the script of PEP 768
    _open(_O_WRONLY, 0, "to name our thread"),
    _open(0, 0, "to load a module"),
    _open(_O_PATH, 0, "to find files"),
    _open(_O_DIRECTORY, 0, "to find files"),
    _open(_O_DIRECTORY | _O_NONBLOCK, 0, "to find files"),
    _open(_O_NONBLOCK, 0, "to find files"),
    _open(_O_CREAT_EXCL, 0o600, "to report an error"),
    _open(_O_CREAT_APPEND, 0o600, "to report the end"),
    Call("read", 0, (DESCRIPTOR, POINTER, SIZE), "to load a module", needed=False),
    Call("lseek", 8, (DESCRIPTOR, 0, 1), "to load a module", needed=False),
    Call("fstat", 5, (DESCRIPTOR, POINTER), "to load a module", needed=False),
    Call("newfstatat", 262, (DESCRIPTOR, POINTER, POINTER, 0x1000), "to load a module", needed=False),
    Call("newfstatat", 262, (_AT_FDCWD, POINTER, POINTER, 0), "to find files", needed=False),
    Call("getdents64", 217, (DESCRIPTOR, POINTER, SIZE), "to find files", needed=False),
    Call("readlink", 89, (POINTER, POINTER, SIZE), "to find files", needed=False),
    Call("getcwd", 79, (POINTER, SIZE), "to find files", needed=False),
    _mmap(_READ, _DENYWRITE, DESCRIPTOR, "to load a library"),
    _mmap(_READ, _FIXED | _DENYWRITE, DESCRIPTOR, "to load a library"),
    _mmap(_READ | _EXEC, _FIXED | _DENYWRITE, DESCRIPTOR, "to load a library"),
    _mmap(_READ | _WRITE, _FIXED | _DENYWRITE, DESCRIPTOR, "to load a library"),
    _mmap(_READ | _WRITE, _FIXED | _ANONYMOUS, _NO_DESCRIPTOR, "to load a library"),
    _mmap(_READ, 0, DESCRIPTOR, "to load a library"),
)

_OF_MACHINE = {_X86_64: _ON_X86_64}


def calls_of(machine: Machine) -> tuple[Call, ...]:
    """All of them with the numbers of this machine; empty if they are not known there."""
    return _OF_MACHINE.get(machine.elf_machine, ())
