"""What is known of registers, system calls and signal frames of each architecture, against the kernel's own words."""

import ctypes
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attach.inject import aarch64, x86_64
from attach.inject.aarch64 import Aarch64
from attach.inject.machine import Call, Machine, Registers, Vectors
from attach.inject.x86_64 import X86_64

MACHINES = {"x86_64": X86_64(), "aarch64": Aarch64()}
ALL_ONES = (1 << 64) - 1
SVC, OTHER = b"\x01\x00\x00\xd4", b"\x1f\x20\x03\xd5"  # nop
EINTR = -4 & ALL_ONES

words = st.integers(0, ALL_ONES)
x86_registers = st.fixed_dictionaries(dict.fromkeys(x86_64._NAMES, words))
arm_registers = st.fixed_dictionaries(dict.fromkeys(aarch64._NAMES, words) | {"syscall": st.integers(0, 2**32 - 1)})


def there_and_back(machine: Machine, registers: Registers) -> Registers:
    sets = machine.encode(registers)
    return machine.decode(tuple(sets[kind] for kind in machine.register_sets))


@given(x86_registers)
def test_registers_of_x86_64_there_and_back(registers: Registers) -> None:
    """What is set is what was got."""
    assert there_and_back(MACHINES["x86_64"], registers) == registers


@given(arm_registers)
def test_registers_of_aarch64_there_and_back(registers: Registers) -> None:
    """What is set is what was got, the number of the system call too."""
    assert there_and_back(MACHINES["aarch64"], registers) == registers


def test_an_error_inside_the_kernel_is_never_seen_outside() -> None:
    """With the error of an ended call, its number is set first: without it the thread would get the error itself."""
    machine = MACHINES["aarch64"]
    registers, _, following = interrupted(73, 0x5000, 1)
    ending = machine.ending(registers, following, None)
    assert ending is not None
    assert list(machine.encode(ending)) == [0x404, 1]
    assert list(machine.encode(registers)) == [1, 0x404]


@pytest.mark.parametrize(
    ("name", "offsets"),
    [  # <sys/user.h>, <asm/ptrace.h>
        ("x86_64", {"r15": 0, "rbx": 40, "rax": 80, "rdi": 112, "orig_rax": 120, "rip": 128, "rsp": 152, "gs": 208}),
        ("aarch64", {"x0": 0, "x8": 64, "x19": 152, "x30": 240, "sp": 248, "pc": 256, "pstate": 264}),
    ],
)
def test_where_registers_are(name: str, offsets: dict[str, int]) -> None:
    """The registers have the places of the kernel's struct."""
    machine = MACHINES[name]
    content = bytes(range(1, 9)) + struct.pack("<63Q", *range(1000, 1063))
    registers = machine.decode(tuple(content for _ in machine.register_sets))
    for register, offset in offsets.items():
        assert registers[register] == struct.unpack_from("<Q", content, offset)[0]


# ---- system calls ----

HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), x86_64._WAITS),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), aarch64._WAITS),  # whose numbers arm64 has
}


@pytest.mark.parametrize("name", HEADERS)
def test_numbers_of_system_calls(name: str) -> None:
    """Every number in the code is that of the kernel's headers."""
    header, waits = HEADERS[name]
    if not header.exists():
        pytest.skip(f"{header} is not installed (linux-libc-dev)")
    numbers = {
        call: int(number) for call, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    }
    machine = MACHINES[name]
    ours = {entry[0]: number for number, entry in waits.items()}
    ours |= machine.assembler.system_calls
    ours |= {"mmap": machine.MMAP, "munmap": machine.MUNMAP, "rt_sigreturn": machine.RETURN_FROM_SIGNAL}
    ours["restart_syscall"] = {"x86_64": x86_64, "aarch64": aarch64}[name]._RESTART_SYSCALL
    assert ours == {call: numbers[call] for call in ours}


# ---- interrupted calls on aarch64 ----


def interrupted(number: int, *arguments: int, error: int | None = None) -> tuple[Registers, bytes, bytes]:
    """A thread at the stop of a system call: registers, and the code before and after the next instruction.

    The kernel will begin the call anew, or, with `error`, has it fail.
    """
    registers = dict.fromkeys((*aarch64._NAMES, "syscall"), 0) | {"syscall": 0xFFFFFFFF, "sp": 0x7FF0, "pc": 0x1000}
    registers |= {f"x{index}": value for index, value in enumerate(arguments)} | {"x8": number}
    if error is None:
        return registers, OTHER * 2, SVC + OTHER
    return registers | {"x0": error & ALL_ONES, "pc": 0x1004}, OTHER + SVC, OTHER * 2


def call_of(number: int, *arguments: int) -> Call:
    return Call(number, (*arguments, *([0] * (6 - len(arguments)))), 0x7FF0, 0x1004)


FUTEX_WAIT_BITSET_PRIVATE = 9 | 128


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((73, 0x5000, 1, 0x6000), -514),  # ppoll
        ((63, 3, 0x5000, 1), -512),  # read
        ((98, 0x5000, FUTEX_WAIT_BITSET_PRIVATE, 0, 0, 0, ALL_ONES), -512),
        ((98, 0x5000, FUTEX_WAIT_BITSET_PRIVATE, 0, 0x6000, 0, ALL_ONES), -514),  # its time is absolute
        ((115, 1, 1, 0x5000, 0), -514),  # clock_nanosleep with TIMER_ABSTIME
        ((128, 1, 0, 0x5000, 0), -516),  # restart_syscall
    ],
)
def test_how_an_interrupted_call_ended(arguments: tuple[int, ...], error: int) -> None:
    """The kernel finds the error with which the call had ended, and the call before it."""
    machine = MACHINES["aarch64"]
    registers, before, following = interrupted(*arguments)
    wait = machine.interrupted_wait(registers, before, following, None)
    assert wait is not None
    assert machine.restarts_by_itself(registers)
    ending = machine.ending(registers, following, None)
    assert ending is not None
    assert machine.result(ending) == error
    assert machine.system_call(ending) == arguments[0]
    assert ending["pc"] == registers["pc"] + 4
    assert {name for name in registers if registers[name] != ending[name]} == {"x0", "pc", "syscall"}
    home = machine._by_itself(ending)  # type: ignore[attr-defined]
    if error == -516:
        assert (home["x0"], home["pc"]) == (EINTR, registers["pc"] + 4)
    else:
        assert (home["x0"], home["pc"]) == (registers["x0"], registers["pc"])
    failing = machine.failing_with_eintr(registers)
    assert failing is not None
    assert (failing["x0"], failing["pc"]) == (EINTR, registers["pc"] + 4)


def test_a_sleep_is_borrowed_only_if_it_was_seen_before() -> None:
    """A thread before a call with a relative time is lent only if it is known to have slept there already."""
    machine = MACHINES["aarch64"]
    registers, before, following = interrupted(115, 1, 0, 0x5000, 0x6000)
    call = call_of(115, 1, 0, 0x5000, 0x6000)
    assert machine.interrupted_wait(registers, before, following, None) is None
    assert machine.interrupted_wait(registers, before, following, call) is not None
    ending = machine.ending(registers, following, call)
    assert ending is not None
    assert machine.result(ending) == -516


def test_a_call_that_fails_natively_can_begin_anew() -> None:
    """An epoll_wait that failed with EINTR gets back its first argument, if that was seen before."""
    machine = MACHINES["aarch64"]
    registers, before, following = interrupted(22, 3, 0x5000, 10, 0xFFFFFFFF, 0, 8, error=-4)
    call = call_of(22, 3, 0x5000, 10, 0xFFFFFFFF, 0, 8)
    wait = machine.interrupted_wait(registers, before, following, None)
    assert wait is not None
    assert wait.endless
    assert not machine.restarts_by_itself(registers)
    assert machine.ending(registers, following, call) is None
    assert machine.failing_with_eintr(registers) == registers
    assert machine.begun_anew(registers, None) is None
    assert machine.was_in(registers, call)
    anew = machine.begun_anew(registers, call)
    assert anew is not None
    assert (anew["x0"], anew["pc"]) == (3, 0x1000)


@pytest.mark.parametrize("different", ["x1", "x5", "x8", "sp", "pc"])
def test_another_call_is_told_apart(different: str) -> None:
    """A thread that was seen in one call and stopped in another is not taken for one that stayed."""
    registers, _, _ = interrupted(22, 3, 0x5000, 10, 0xFFFFFFFF, 0, 8, error=-4)
    registers[different] += 16
    assert not MACHINES["aarch64"].was_in(registers, call_of(22, 3, 0x5000, 10, 0xFFFFFFFF, 0, 8))


def test_locks_of_the_c_library_are_no_waits() -> None:
    """A plain FUTEX_WAIT, a running thread, and other system calls are not taken for waits."""
    machine = MACHINES["aarch64"]
    for arguments in ((98, 0x5000, 128, 2), (64, 1, 0x5000, 1)):
        registers, before, following = interrupted(*arguments)
        assert machine.interrupted_wait(registers, before, following, None) is None
    registers, _, _ = interrupted(73, 0x5000, 1)
    assert machine.interrupted_wait(registers, OTHER * 2, OTHER * 2, None) is None


# ---- the signal frame of aarch64 ----


class SignalContext(ctypes.Structure):
    """struct sigcontext of <asm/sigcontext.h>."""

    _fields_ = (
        ("fault_address", ctypes.c_uint64),
        ("regs", ctypes.c_uint64 * 31),
        ("sp", ctypes.c_uint64),
        ("pc", ctypes.c_uint64),
        ("pstate", ctypes.c_uint64),
        ("_", ctypes.c_uint64),  # what follows is aligned to 16
    )


class SignalFrame(ctypes.Structure):
    """struct rt_sigframe of arch/arm64/kernel/signal.c, up to the records about vector registers."""

    _fields_ = (
        ("siginfo", ctypes.c_uint8 * 128),
        ("uc_flags", ctypes.c_uint64),
        ("uc_link", ctypes.c_uint64),
        ("ss_sp", ctypes.c_uint64),
        ("ss_flags", ctypes.c_int32),
        ("ss_size", ctypes.c_uint64),
        ("uc_sigmask", ctypes.c_uint64),
        ("unused", ctypes.c_uint8 * 120),
        ("_", ctypes.c_uint64),
        ("uc_mcontext", SignalContext),
    )


def records(content: bytes, address: int) -> dict[int, bytes]:
    """Magic -> content of each record, read with the checks of the kernel's parse_user_sigframe."""
    found: dict[int, bytes] = {}
    offset, limit = 0, 4096
    while True:
        assert offset % 16 == 0
        magic, size = struct.unpack_from("<II", content, offset)
        if magic == 0:
            assert size == 0
            return found
        assert magic not in found
        assert 8 <= size <= limit - offset
        found[magic] = content[offset : offset + size]
        offset += size
        if magic == 0x45585401:
            following, extra = struct.unpack_from("<QI", found[magic], 8)
            assert content[offset : offset + 8] == bytes(8)
            assert following == address + offset + 16
            assert extra % 16 == 0
            content, address, offset, limit = content[offset + 16 :], following, 0, extra
            assert len(content) == extra


@given(arm_registers, st.binary(min_size=528, max_size=528), words)
def test_the_frame_brings_back_everything(registers: Registers, vectors: bytes, mask: int) -> None:
    """The signal frame has the kernel's layout and holds registers, vector registers and mask."""
    registers["sp"] = (registers["sp"] & (1 << 47) - 1) + (1 << 20)
    registers["syscall"] = 0xFFFFFFFF
    address, content = MACHINES["aarch64"].home_frame(registers, Vectors(2, vectors), mask, 0x1000)
    assert address % 16 == 0
    assert address + len(content) <= registers["sp"]
    frame = SignalFrame.from_buffer_copy(content)
    context = frame.uc_mcontext
    assert [*context.regs] == [registers[f"x{number}"] for number in range(31)]
    assert (context.sp, context.pc, context.pstate) == (registers["sp"], registers["pc"], registers["pstate"])
    assert frame.uc_sigmask == mask
    assert frame.ss_flags == 0x7FFFFFFF
    start = ctypes.sizeof(SignalFrame)
    (fpsimd,) = records(content[start:], address + start).values()
    assert fpsimd == struct.pack("<II", 0x46508001, 528) + vectors[512:520] + vectors[:512]


@pytest.mark.parametrize("length", [16, 32, 48, 64, 128, 256])
def test_the_frame_holds_scalable_vectors(length: int) -> None:
    """Vector registers of any length of SVE are in the frame whole, and their low halves once more."""
    z = [bytes([number]) * length for number in range(32)]
    p = b"".join(bytes([100 + number]) * (length // 8) for number in range(17))
    state = b"".join(z) + p
    padded = state.ljust(-(-len(state) // 16) * 16, b"\0") + struct.pack("<II8x", 0x11, 0x22)
    header = struct.pack("<IIHHHH", 16 + len(padded), 1 << 14, length, 256, 1, 0)
    registers = interrupted(73)[0] | {"sp": 1 << 40}
    address, content = MACHINES["aarch64"].home_frame(registers, Vectors(0x405, header + padded), 0, 0x1000)
    start = ctypes.sizeof(SignalFrame)
    found = records(content[start:], address + start)
    assert list(found) == [0x46508001, 0x45585401, 0x53564501]
    assert found[0x46508001][8:] == struct.pack("<II", 0x11, 0x22) + b"".join(register[:16] for register in z)
    _, size, vector_length = struct.unpack_from("<IIH", found[0x53564501])
    assert (size % 16, vector_length) == (0, length)
    assert found[0x53564501][16:].startswith(state)


def test_an_address_that_is_signed_is_recognised() -> None:
    """Return addresses are found where pointer authentication has signed them, and in the link register."""
    machine: Machine = MACHINES["aarch64"]
    registers = interrupted(73)[0] | {"x30": 0xFFFF_8000_1234}
    assert machine.return_addresses(registers, (0x003A_FFFF_9000_5678,)) == (0xFFFF_8000_1234, 0xFFFF_9000_5678)


def test_nothing_is_called_in_streaming_mode() -> None:
    """A thread in the streaming mode of SME is not made to call functions; one without SME is."""
    machine: Machine = MACHINES["aarch64"]
    for flags, expected in ((0, True), (2, True), (1, False), (3, False)):
        header = struct.pack("<IIHHHH", 16, 16, 32, 32, flags, 0)
        assert machine.may_be_called({0x40B: header}.get) is expected
    assert machine.may_be_called({}.get)
