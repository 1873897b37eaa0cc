"""x86_64: registers, system calls, signal frames. The stubs are in x86_64_code.py.

Sources: arch/x86/include/uapi/asm/{ptrace,sigcontext,ucontext}.h, arch/x86/kernel/signal_64.c of Linux, and
the System V ABI's calling convention.
"""

import struct
from collections.abc import Callable

from attach.inject.assembler import Assembler
from attach.inject.machine import FUTEX_COMMAND, FUTEX_WAIT, FUTEX_WAIT_BITSET, Call, Registers, Vectors, Wait
from attach.inject.x86_64_code import X86_64Assembler

# fmt: off
#: struct user_regs_struct
_NAMES = (
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
    "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
)
#: The beginning of struct sigcontext.
_SIGCONTEXT = (
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx",
    "rsp", "rip", "eflags",
)
# fmt: on
_LAYOUT = struct.Struct("<27Q")
_ARGUMENTS = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
_CALL_ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
_ALL_ONES = (1 << 64) - 1
_NT_PRSTATUS, _NT_X86_XSTATE = 1, 0x202
_DIRECTION_FLAG = 0x400
_RED_ZONE = 128
_SYSCALL_INSTRUCTION = b"\x0f\x05"

_EINTR = -4
#: -ERESTARTSYS, -ERESTARTNOINTR, -ERESTARTNOHAND: the call begins anew unless a signal handler ran.
_RESTARTS = (-512, -513, -514)
#: -ERESTART_RESTARTBLOCK: the kernel remembers when the wait ends.
_RESTARTS_WITH_MEMORY = -516

_RESTART_SYSCALL = 219
_FUTEX, _POLL, _NANOSLEEP, _CLOCK_NANOSLEEP = 202, 7, 35, 230

#: Blocking calls in which a thread holds no lock of the C library: number -> name, and the index of the
#: argument that is its timeout where the kernel does not restart the call by itself.
_WAITS: dict[int, tuple[str, int | None]] = {
    0: ("read", None),
    7: ("poll", None),
    23: ("select", None),
    34: ("pause", None),
    35: ("nanosleep", None),
    43: ("accept", None),
    45: ("recvfrom", None),
    47: ("recvmsg", None),
    61: ("wait4", None),
    128: ("rt_sigtimedwait", 2),
    130: ("rt_sigsuspend", None),
    202: ("futex", None),
    230: ("clock_nanosleep", None),
    232: ("epoll_wait", 3),
    247: ("waitid", None),
    270: ("pselect6", None),
    271: ("ppoll", None),
    281: ("epoll_pwait", 3),
    288: ("accept4", None),
    441: ("epoll_pwait2", 3),
}
_TIMEOUT_IS_POINTER = frozenset({128, 441})

# the frame of a signal handler: return address, ucontext up to the signal mask
_UC_FLAGS = 7  # UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
_NO_SUCH_STACK = 0x7FFFFFFF  # flags that sigaltstack(2) refuses: the alternate stack stays as it is
_XSAVE_WORDS = 464  # where an XSAVE image has bytes for software
_XSAVE_MAGIC1, _XSAVE_MAGIC2 = 0x46505853, 0x46505845
_AMX_FEATURES = 0x60000
_SIZE_WITHOUT_AMX = 2696


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


class X86_64:
    """Implements `attach.inject.machine.Machine`."""

    elf_machine = 62
    register_sets: tuple[int, ...] = (_NT_PRSTATUS,)
    vector_sets: tuple[int, ...] = (_NT_X86_XSTATE,)
    unwound_stack: int | None = 7  # System V ABI, figure 3.36
    MMAP, MUNMAP, RETURN_FROM_SIGNAL = 9, 11, 15
    # mov $15, %rax; syscall (glibc, musl) and mov $15, %eax; syscall (newer musl)
    ways_home: tuple[bytes, ...] = (b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", b"\xb8\x0f\x00\x00\x00\x0f\x05")
    instruction_alignment = 1
    hides_calls = False
    assembler: type[Assembler] = X86_64Assembler

    def decode(self, sets: tuple[bytes, ...]) -> Registers:
        return dict(zip(_NAMES, _LAYOUT.unpack(sets[0][: _LAYOUT.size]), strict=True))

    def encode(self, registers: Registers) -> dict[int, bytes]:
        return {_NT_PRSTATUS: _LAYOUT.pack(*(registers[name] for name in _NAMES))}

    def instruction(self, registers: Registers) -> int:
        return registers["rip"]

    def stack(self, registers: Registers) -> int:
        return registers["rsp"]

    def return_addresses(self, registers: Registers, words: tuple[int, ...]) -> tuple[int, ...]:
        return words

    def system_call(self, registers: Registers) -> int:
        return _signed(registers["orig_rax"])

    def first_argument(self, registers: Registers) -> int:
        return registers["rdi"]

    def result(self, registers: Registers) -> int:
        return _signed(registers["rax"])

    def created(self, registers: Registers) -> int:
        value = registers["r12"] & 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value

    # ---- interrupted waits ----

    def wait_named(self, number: int, arguments: tuple[int, ...]) -> Wait | None:
        if number == _RESTART_SYSCALL:
            number = self._restarted(arguments)
        if number not in _WAITS:
            return None
        name, timeout = _WAITS[number]
        return Wait.of(name, arguments, timeout, by_pointer=number in _TIMEOUT_IS_POINTER)

    @staticmethod
    def _restarted(arguments: tuple[int, ...]) -> int:
        """Which call restart_syscall(2) continues, by the arguments still in the registers."""
        first, second = arguments[0], arguments[1] & 0xFFFFFFFF
        if first < 4096:
            return _CLOCK_NANOSLEEP  # a clock id, not a pointer
        command = second & FUTEX_COMMAND
        if second & ~0x1FF == 0 and command in (FUTEX_WAIT, FUTEX_WAIT_BITSET):
            return _FUTEX  # or a poll of that many descriptors: taken for the less safe of the two
        return _POLL if second < 1 << 20 else _NANOSLEEP

    def interrupted_wait(self, registers: Registers, before: bytes, following: bytes, call: Call | None) -> Wait | None:
        result = self.result(registers)
        number = self.system_call(registers)
        if number < 0 or not (result in _RESTARTS or result in (_RESTARTS_WITH_MEMORY, _EINTR)):
            return None
        if not before.endswith(_SYSCALL_INSTRUCTION):
            return None
        return self.wait_named(number, tuple(registers[name] for name in _CALL_ARGUMENTS))

    def was_in(self, registers: Registers, call: Call) -> bool:
        return self.system_call(registers) == call.number

    def restarts_by_itself(self, registers: Registers) -> bool:
        return self.result(registers) != _EINTR

    def restarts_through_call(self, registers: Registers) -> bool:
        return self.system_call(registers) >= 0 and self.result(registers) == _RESTARTS_WITH_MEMORY

    def begun_anew(self, registers: Registers, call: Call | None) -> Registers:
        return registers | {
            "rip": registers["rip"] - len(_SYSCALL_INSTRUCTION),
            "rax": registers["orig_rax"],
            "orig_rax": _ALL_ONES,
        }

    def failing_with_eintr(self, registers: Registers) -> Registers | None:
        if self.system_call(registers) < 0:
            return None
        return self._eintr(registers)

    @staticmethod
    def _eintr(registers: Registers) -> Registers:
        return registers | {"rax": _EINTR & _ALL_ONES, "orig_rax": _ALL_ONES}

    def ending(self, registers: Registers, following: bytes, call: Call | None) -> Registers | None:
        return None

    # ---- calls into the target ----

    def _by_itself(self, registers: Registers) -> Registers:
        """What the kernel makes of the registers when a thread leaves a system call for a signal handler."""
        if self.system_call(registers) >= 0:
            if self.result(registers) in _RESTARTS:
                return self.begun_anew(registers, None)
            if self.result(registers) == _RESTARTS_WITH_MEMORY:
                return self._eintr(registers)
        return registers

    def may_be_called(self, get_set: Callable[[int], bytes | None]) -> bool:
        return True

    def home_frame(self, registers: Registers, vectors: Vectors, mask: int, way_home: int) -> tuple[int, bytes]:
        state = self._xsave_of_frame(vectors.content)
        home = self._by_itself(registers)
        floor = (registers["rsp"] - _RED_ZONE - len(state)) & ~63
        frame = floor - 320 - 8  # 8 below a multiple of 16, as after a call instruction
        general = struct.pack("<18Q", *(home[name] for name in _SIGCONTEXT))
        segments = struct.pack("<HHHH", home["cs"] & 0xFFFF, 0, 0, home["ss"] & 0xFFFF)
        rest = struct.pack("<4QQ8Q", 0, 0, 0, 0, floor, *([0] * 8))
        stack = struct.pack("<QIIQ", 0, _NO_SUCH_STACK, 0, 0)
        context = struct.pack("<QQ", _UC_FLAGS, 0) + stack + general + segments + rest + struct.pack("<Q", mask)
        content = struct.pack("<Q", way_home) + context
        return frame, content.ljust(floor - frame, b"\0") + state

    @staticmethod
    def _xsave_of_frame(vectors: bytes) -> bytes:
        """The XSAVE image as the kernel lays it into signal frames: with a note of its size, and an end
        mark.
        """
        (features,) = struct.unpack_from("<Q", vectors, _XSAVE_WORDS)
        if features & _AMX_FEATURES:
            vectors = vectors[:_SIZE_WITHOUT_AMX]
            features &= ~_AMX_FEATURES
        size = len(vectors)
        note = struct.pack("<IIQI", _XSAVE_MAGIC1, size + 4, features, size).ljust(48, b"\0")
        image = vectors[:_XSAVE_WORDS] + note + vectors[_XSAVE_WORDS + 48 :]
        return image + struct.pack("<I", _XSAVE_MAGIC2)

    def at_home(self, registers: Registers, frame: int, way_home: int) -> Registers:
        return registers | {"rip": way_home, "rsp": frame + 8, "orig_rax": _ALL_ONES}

    def calling(
        self, registers: Registers, function: int, arguments: tuple[int, ...], frame: int, way_home: int
    ) -> Registers:
        changed = {
            "rip": function,
            "rsp": frame,
            "rax": 0,
            "orig_rax": _ALL_ONES,
            "eflags": registers["eflags"] & ~_DIRECTION_FLAG,
            "rbx": arguments[0] if arguments else 0,
        }
        changed.update((name, value & _ALL_ONES) for name, value in zip(_ARGUMENTS, arguments, strict=False))
        return registers | changed
