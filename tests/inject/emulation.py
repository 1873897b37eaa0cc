"""Runs the stubs of any architecture, by an emulator: the functions and system calls they call are Python's."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import unicorn
from unicorn import arm64_const, x86_const

from attach.inject import block, stubs
from attach.inject.aarch64 import Aarch64
from attach.inject.block import Block
from attach.inject.machine import PYTHON_FUNCTIONS, Functions, Machine
from attach.inject.x86_64 import X86_64

MAPPING = 0x7F12_3457_0000  # of entry page, thread page and block
HELPERS = 0xFFF0_89AB_0000  # of the functions that are called
STACK, STACK_SIZE = 0x7FFF_0000_0000, 1 << 20
CALLER = HELPERS + 0xFF00
C_FUNCTIONS = ("mmap", "munmap", "pthread_create", "pthread_attr_init", "pthread_attr_setstacksize")
NAMES = (*C_FUNCTIONS, "pthread_attr_setdetachstate", *PYTHON_FUNCTIONS)
ADDRESSES = {name: HELPERS + 64 * number for number, name in enumerate(NAMES)}
FUNCTIONS = Functions(
    mmap=ADDRESSES["mmap"],
    munmap=ADDRESSES["munmap"],
    pthread_create=ADDRESSES["pthread_create"],
    pthread_attr_init=ADDRESSES["pthread_attr_init"],
    pthread_attr_setstacksize=ADDRESSES["pthread_attr_setstacksize"],
    pthread_attr_setdetachstate=ADDRESSES["pthread_attr_setdetachstate"],
    python={name: ADDRESSES[name] for name in PYTHON_FUNCTIONS},
)


@dataclass(frozen=True)
class Processor:
    """What the emulator calls the registers of an architecture, and which its calling convention uses for what."""

    machine: Machine
    architecture: int
    mode: int
    constants: object
    prefix: str
    stack: str
    arguments: tuple[str, ...]
    system_arguments: tuple[str, ...]
    result: str
    system_number: str
    #: Left as they are by functions.
    kept: tuple[str, ...]
    #: Overwritten by functions, and by system calls.
    lost: tuple[str, ...]
    lost_in_system_calls: tuple[str, ...]
    return_instruction: bytes
    #: What the stack pointer is modulo 16 when a function is entered.
    alignment: int
    system_calls: dict[int, str]


# fmt: off
PROCESSORS = {
    "x86_64": Processor(
        X86_64(), unicorn.UC_ARCH_X86, unicorn.UC_MODE_64, x86_const, "UC_X86_REG_", "rsp",
        ("rdi", "rsi", "rdx", "rcx", "r8", "r9"), ("rdi", "rsi", "rdx", "r10", "r8", "r9"), "rax", "rax",
        ("rbx", "rbp", "r12", "r13", "r14", "r15"),
        ("rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"), ("rcx", "r11"), b"\xc3", 8,
        {14: "rt_sigprocmask", 15: "rt_sigreturn", 28: "madvise", 35: "nanosleep", 39: "getpid", 186: "gettid",
         228: "clock_gettime"},
    ),
    "aarch64": Processor(
        Aarch64(), unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM, arm64_const, "UC_ARM64_REG_", "sp",
        tuple(f"x{number}" for number in range(8)), tuple(f"x{number}" for number in range(6)), "x0", "x8",
        tuple(f"x{number}" for number in range(19, 30)),
        tuple(f"x{number}" for number in range(1, 19)), (), b"\xc0\x03\x5f\xd6", 0,
        {101: "nanosleep", 113: "clock_gettime", 135: "rt_sigprocmask", 139: "rt_sigreturn", 172: "getpid",
         178: "gettid", 233: "madvise"},
    ),
}
# fmt: on


@dataclass
class Emulation:
    """One run of a stub: what it called, in order, and the memory it left."""

    processor: Processor
    block: Block
    #: Function or system call -> what it does: gets its arguments, gives its result (0 without an entry).
    does: dict[str, Callable[..., int]]
    calls: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    #: What a callback raised; the emulator itself would swallow it.
    problem: BaseException | None = None

    def __post_init__(self) -> None:
        self.block.placed(MAPPING)
        self.emulator = unicorn.Uc(self.processor.architecture, self.processor.mode)
        self.emulator.mem_map(MAPPING, 2 * block.PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self.emulator.mem_map(self.block.address, self.block.size, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self.emulator.mem_map(HELPERS, 1 << 16, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self.emulator.mem_map(STACK, STACK_SIZE, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self.emulator.mem_write(self.block.address, self.block.content)
        for address in (*ADDRESSES.values(), CALLER):
            self.emulator.mem_write(address, self.processor.return_instruction)
        self.emulator.hook_add(unicorn.UC_HOOK_CODE, self._function, begin=HELPERS, end=CALLER - 1)
        if self.processor.architecture == unicorn.UC_ARCH_X86:
            self.emulator.hook_add(unicorn.UC_HOOK_INSN, self._syscall, None, 1, 0, x86_const.UC_X86_INS_SYSCALL)
            self.emulator.hook_add(unicorn.UC_HOOK_INTR, self._exception)
        else:
            self.emulator.hook_add(unicorn.UC_HOOK_INTR, self._exception)

    # ---- registers and memory ----

    def __getitem__(self, register: str) -> int:
        value: int = self.emulator.reg_read(self._number(register))
        return value

    def __setitem__(self, register: str, value: int) -> None:
        self.emulator.reg_write(self._number(register), value & (1 << 64) - 1)

    def _number(self, register: str) -> int:
        number: int = getattr(self.processor.constants, self.processor.prefix + register.upper())
        return number

    def word(self, offset: int) -> int:
        """The 32-bit word at `offset` in the block."""
        return int(struct.unpack("<I", self.emulator.mem_read(self.block.address + offset, 4))[0])

    def write(self, address: int, content: bytes) -> None:
        self.emulator.mem_write(address, content)

    def text(self, address: int) -> bytes:
        """The zero-terminated string at `address`."""
        return bytes(self.emulator.mem_read(address, 64)).partition(b"\0")[0]

    # ---- what the emulator reports ----

    def _function(self, *event: object) -> None:
        name = NAMES[(self["rip" if self.processor.stack == "rsp" else "pc"] - HELPERS) // 64]
        try:
            assert self[self.processor.stack] % 16 == self.processor.alignment
            self._called(name, self.processor.arguments)
            for register in self.processor.lost:
                self[register] = 0xDEAD_BEEF_DEAD_BEEF
        except BaseException as error:
            self._stop(error)

    def _syscall(self, *event: object) -> None:
        try:
            name = self.processor.system_calls[self[self.processor.system_number]]
            if name == "rt_sigreturn":
                self.calls.append((name, (self[self.processor.stack],)))
                self.emulator.emu_stop()
                return
            self._called(name, self.processor.system_arguments)
            for register in self.processor.lost_in_system_calls:
                self[register] = 0xDEAD_BEEF_DEAD_BEEF
        except BaseException as error:
            self._stop(error)

    def _exception(self, _: object, number: int, *event: object) -> None:
        if self.processor.architecture == unicorn.UC_ARCH_ARM64 and number == 2:  # svc
            self._syscall()
        else:
            self._stop(AssertionError(f"exception {number}"))

    def _called(self, name: str, registers: tuple[str, ...]) -> None:
        arguments = tuple(self[register] for register in registers)
        self.calls.append((name, arguments))
        does = self.does.get(name)
        self[self.processor.result] = does(*arguments) if does else 0

    def _stop(self, error: BaseException) -> None:
        self.problem = error
        self.emulator.emu_stop()

    # ---- running ----

    def run_function(self, address: int, argument: int) -> None:
        """Calls a function, which must return to its caller with all that functions keep."""
        before = {name: 0x1000 + number for number, name in enumerate(self.processor.kept)}
        for register, value in before.items():
            self[register] = value
        self[self.processor.arguments[0]] = argument
        stack = self._enter(address)
        assert self["rip" if self.processor.stack == "rsp" else "pc"] == CALLER
        assert {name: self[name] for name in before} == before
        assert self[self.processor.stack] == stack

    def run_borrowed(self, address: int) -> dict[str, int]:
        """Calls an entry page as borrowing.py does; gives the registers of `Machine.calling` as they have become."""
        machine = self.processor.machine
        frame = STACK + STACK_SIZE // 2 - (8 if self.processor.stack == "rsp" else 0)
        zeros = machine.decode(tuple(bytes(512) for _ in machine.register_sets))
        registers = machine.calling(zeros, address, (self.block.address,), frame, CALLER)
        known = [
            name
            for name in registers
            if name not in ("syscall", "pstate")
            and hasattr(self.processor.constants, self.processor.prefix + name.upper())
        ]
        for name in known:
            if name not in ("cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base", "eflags"):
                self[name] = registers[name]
        self.write(frame, struct.pack("<Q", CALLER))
        self._emulate(address)
        return registers | {name: self[name] for name in known}

    def _enter(self, address: int) -> int:
        stack = STACK + STACK_SIZE // 2
        self[self.processor.stack] = stack
        if self.processor.stack == "rsp":
            self["rsp"] = stack - 8
            self.write(stack - 8, struct.pack("<Q", CALLER))
        else:
            self["x30"] = CALLER
        self._emulate(address)
        return stack

    def _emulate(self, address: int) -> None:
        try:
            self.emulator.emu_start(address, CALLER, count=100_000)
        except unicorn.UcError as error:
            raise AssertionError(f"{error}, after {self.calls[-3:]}") from self.problem
        if self.problem:
            raise self.problem


def pages(machine: Machine, *, pending: bool = False) -> bytes:
    """Entry page and thread page, whose functions are those of this module."""
    entry = stubs.pending_entry_page if pending else stubs.parked_entry_page
    return entry(machine.assembler(), FUNCTIONS) + stubs.thread_page(machine.assembler(), FUNCTIONS)
