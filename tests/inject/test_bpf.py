"""The evaluator of seccomp filters says what the kernel does."""

import ctypes
import errno
import os
import resource
import signal
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attach.inject.bpf import Action, Answer, Program, answer
from tests.support import filters
from tests.support.filters import ALLOW, ERRNO, I386, X86_64, give, if_equal, instruction, load

GETPPID = 110
ARGUMENTS = (0x123456789ABCDEF0, 0xFFFFFFFFFFFFFFFF, 0, 0x80000000, 0x7FFFFFFF00000001, 3)
CELLS = 4
libc = ctypes.CDLL(None, use_errno=True)

numbers = st.one_of(st.sampled_from([0, 1, 31, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]), st.integers(0, 0xFFFFFFFF))
cells = st.integers(0, CELLS - 1)
ARITHMETIC = (0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xA0)  # ADD SUB MUL DIV OR AND LSH RSH XOR


def arithmetic(operation: int, value: int, with_x: bool) -> bytes:
    if with_x:
        return instruction(0x0C | operation)
    value = max(1, value) if operation == 0x30 else value % 32 if operation in (0x60, 0x70) else value
    return instruction(0x04 | operation, value)


# the low half of instruction_pointer and its high half are left out: they differ between the two sides
steps = st.one_of(
    st.builds(load, st.sampled_from([0, 4, *range(16, 64, 4)])),
    st.builds(instruction, st.sampled_from([0x00, 0x01]), numbers),  # LD and LDX, IMM
    st.builds(instruction, st.sampled_from([0x60, 0x61, 0x02, 0x03]), cells),  # LD, LDX, ST, STX
    st.builds(instruction, st.sampled_from([0x80, 0x81, 0x07, 0x87, 0x84])),  # LEN, TAX, TXA, NEG
    st.builds(arithmetic, st.sampled_from(ARITHMETIC), numbers, st.booleans()),
    st.builds(instruction, st.just(0x05), st.integers(0, 3)),  # JA
    st.builds(
        instruction,
        st.sampled_from([code | x for code in (0x15, 0x25, 0x35, 0x45) for x in (0, 8)]),  # JEQ JGT JGE JSET
        numbers,
        st.integers(0, 3),
        st.integers(0, 3),
    ),
)


def program(body: list[bytes], shift: int) -> bytes:
    """Lets all but getppid(2) pass, and gives that 12 bits of what the body computes for an errno."""
    landing = instruction(0x44, 0) * 4  # where the last jumps of the body may lead
    stored = b"".join(instruction(0x02, cell) for cell in range(CELLS))
    end = instruction(0x74, shift) + instruction(0x54, 0xFFF) + instruction(0x44, ERRNO) + instruction(0x16)
    return load(0) + if_equal(GETPPID, stored + b"".join(body) + landing + end) + give(ALLOW)


def by_the_kernel(*codes: bytes) -> int:
    """What getppid with `ARGUMENTS` meets under these filters: its errno, 0 for success, -1 for death."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for code in codes:
                filters.install(code)
            ctypes.set_errno(0)
            failed = libc.syscall(ctypes.c_long(GETPPID), *(ctypes.c_ulong(value) for value in ARGUMENTS)) == -1
            os.write(writing, struct.pack("<i", ctypes.get_errno() if failed else 0))
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as file:
        found = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGSYS
        return -1
    return int(struct.unpack("<i", found)[0])


def by_us(*codes: bytes) -> int:
    found = answer([Program(code) for code in codes], X86_64, GETPPID, ARGUMENTS, 0)
    if found.action in (Action.KILL_PROCESS, Action.KILL_THREAD, Action.TRAP):
        return -1
    return found.errno


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=30), st.sampled_from([0, 12, 20]))
def test_any_program_gives_what_it_gives_the_kernel(body: list[bytes], shift: int) -> None:
    """A made-up filter, installed in a child, answers there what the evaluator says."""
    code = program(body, shift)
    assert by_us(code) == by_the_kernel(code)


@pytest.mark.parametrize(
    "values",
    [
        (ERRNO | 7, ERRNO | 9),
        (ERRNO | 9, ALLOW),
        (ALLOW, ERRNO | 5000),
        (filters.KILL_THREAD, ERRNO | 1),
        (ERRNO | 1, filters.KILL_PROCESS),
        (filters.TRAP, ERRNO | 1),
        (filters.LOG, ALLOW),
        (0x00060000, ALLOW),
        (0x90000000, ERRNO | 1),
    ],
)
def test_precedence(values: tuple[int, int]) -> None:
    """Of several filters the most severe action counts, then the newest; an unknown action kills."""
    codes = [load(0) + if_equal(GETPPID, give(value)) + give(ALLOW) for value in values]
    assert by_us(*codes) == by_the_kernel(*codes)


def test_division_by_zero() -> None:
    """A division by zero ends a filter with 0, which kills."""
    code = program([instruction(0x01, 0), instruction(0x3C)], 0)
    assert by_us(code) == by_the_kernel(code) == -1


@pytest.mark.parametrize(
    "code",
    [b"", instruction(0x28, 0), instruction(0x05, 100), load(64), instruction(0x61, 16), instruction(0x94, 3)],
)
def test_what_seccomp_does_not_accept_kills(code: bytes) -> None:
    """A program that cannot be one is judged as one that kills, and never runs for long."""
    assert answer([Program(code)], X86_64, GETPPID, (), 0).action is Action.KILL_PROCESS


def test_architecture() -> None:
    """A filter that looks at the architecture sees the one that is asked about."""
    code = load(4) + if_equal(I386, give(filters.KILL_PROCESS)) + give(ERRNO | errno.EPERM)
    assert answer([Program(code)], X86_64, GETPPID, (), 0) == Answer(Action.ERRNO, errno.EPERM)
    assert answer([Program(code)], I386, GETPPID, (), 0) == Answer(Action.KILL_PROCESS)
