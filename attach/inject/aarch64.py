"""aarch64: registers, system calls, signal frames. The instructions of the stubs are in aarch64_code.py.

Sources: arch/arm64/include/uapi/asm/{ptrace,sigcontext,ucontext,sve_context}.h, arch/arm64/kernel/{signal,ptrace}.c of
Linux; the Procedure Call Standard (AAPCS64).

What is different here is told in docs/decisions/0005: at the stop of an interrupted system call that will be
restarted, the kernel has already put the thread before the ``svc`` and x0 back; the error that decides how it goes on,
and x0 of a call that is not restarted, are not to be seen.
"""

import struct
from collections.abc import Callable

from attach.inject.aarch64_code import Aarch64Assembler
from attach.inject.assembler import Assembler
from attach.inject.machine import FUTEX_COMMAND, FUTEX_WAIT, FUTEX_WAIT_BITSET, Call, Registers, Vectors, Wait

#: struct user_pt_regs
_NAMES = (*(f"x{number}" for number in range(31)), "sp", "pc", "pstate")
_LAYOUT = struct.Struct("<34Q")
_GENERAL = _NAMES[:31]
_CALL_ARGUMENTS = _NAMES[:6]
_ALL_ONES = (1 << 64) - 1
_NO_SYSTEM_CALL = 0xFFFFFFFF
_SVC = b"\x01\x00\x00\xd4"  # svc #0
_SVC_SIZE = len(_SVC)
#: What a function begins with: no landing pad is due (BTYPE), memory tags are checked (TCO).
_CLEARED_STATE = 0xC00 | 1 << 25
#: The bits of an address below those that sign it (pointer authentication).
_ADDRESS = (1 << 48) - 1

_EINTR = -4
#: The call begins anew: unless a handler without SA_RESTART ran; unless a handler ran.
_ERESTARTSYS, _ERESTARTNOHAND = -512, -514
#: The same as the last, but the kernel remembers when the wait ends.
_ERESTART_RESTARTBLOCK = -516

_RESTART_SYSCALL = 128
_FUTEX, _NANOSLEEP, _CLOCK_NANOSLEEP = 98, 101, 115
_TIMER_ABSTIME = 1

#: Blocking calls in which a thread holds no lock of the C library: number -> name, the error with which the kernel
#: ends them inside, and the index of the argument that is their timeout where that is EINTR.
_WAITS: dict[int, tuple[str, int, int | None]] = {
    22: ("epoll_pwait", _EINTR, 3),
    63: ("read", _ERESTARTSYS, None),
    72: ("pselect6", _ERESTARTNOHAND, None),
    73: ("ppoll", _ERESTARTNOHAND, None),
    95: ("waitid", _ERESTARTSYS, None),
    98: ("futex", _ERESTARTSYS, None),
    101: ("nanosleep", _ERESTART_RESTARTBLOCK, None),
    115: ("clock_nanosleep", _ERESTART_RESTARTBLOCK, None),
    133: ("rt_sigsuspend", _ERESTARTNOHAND, None),
    137: ("rt_sigtimedwait", _EINTR, 2),
    202: ("accept", _ERESTARTSYS, None),
    207: ("recvfrom", _ERESTARTSYS, None),
    212: ("recvmsg", _ERESTARTSYS, None),
    242: ("accept4", _ERESTARTSYS, None),
    260: ("wait4", _ERESTARTSYS, None),
    441: ("epoll_pwait2", _EINTR, 3),
}
_TIMEOUT_IS_POINTER = frozenset({137, 441})

# the frame of a signal handler: struct rt_sigframe
_SIGINFO_SIZE = 128
_NO_SUCH_STACK = 0x7FFFFFFF  # flags that sigaltstack(2) refuses: the alternate stack stays as it is
_RECORDS = 592  # where the records about vector registers begin
_FPSIMD_MAGIC, _SVE_MAGIC, _EXTRA_MAGIC = 0x46508001, 0x53564501, 0x45585401
_FPSIMD_SIZE, _EXTRA_SIZE = 528, 32
_TERMINATOR = bytes(16)

_NT_PRSTATUS, _NT_PRFPREG, _NT_ARM_SYSTEM_CALL, _NT_ARM_SVE, _NT_ARM_SSVE = 1, 2, 0x404, 0x405, 0x40B
_SVE_HEADER = struct.Struct("<IIHHHH")  # struct user_sve_header
_SVE_REGISTERS_ARE_SVE = 1


def _signed(value: int, bits: int = 64) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


class Aarch64:
    """Implements `attach.inject.machine.Machine`.

    The registers have two more names: ``syscall``, the number of the system call or 2**32 - 1, and, where it is known,
    ``orig_x0``, the first argument of a call that has ended.
    """

    elf_machine = 183
    register_sets: tuple[int, ...] = (_NT_PRSTATUS, _NT_ARM_SYSTEM_CALL)
    vector_sets: tuple[int, ...] = (_NT_ARM_SVE, _NT_PRFPREG)
    unwound_stack: int | None = None
    MMAP, MUNMAP, RETURN_FROM_SIGNAL = 222, 215, 139
    ways_home: tuple[bytes, ...] = (b"\x68\x11\x80\xd2" + _SVC,)  # mov x8, #139; svc #0
    instruction_alignment = 4
    hides_calls = True
    assembler: type[Assembler] = Aarch64Assembler

    def decode(self, sets: tuple[bytes, ...]) -> Registers:
        general, number = sets
        registers = dict(zip(_NAMES, _LAYOUT.unpack(general[: _LAYOUT.size]), strict=True))
        return registers | {"syscall": struct.unpack("<I", number[:4])[0]}

    def encode(self, registers: Registers) -> dict[int, bytes]:
        general = {_NT_PRSTATUS: _LAYOUT.pack(*(registers[name] for name in _NAMES))}
        number = {_NT_ARM_SYSTEM_CALL: struct.pack("<I", registers["syscall"])}
        # an error inside a system call is for the kernel only: it must never be in x0 without the call's number
        return general | number if self.system_call(registers) < 0 else number | general

    def instruction(self, registers: Registers) -> int:
        return registers["pc"]

    def stack(self, registers: Registers) -> int:
        return registers["sp"]

    def return_addresses(self, registers: Registers, words: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(word & _ADDRESS for word in (registers["x30"], *words))

    def system_call(self, registers: Registers) -> int:
        return _signed(registers["syscall"], 32)

    def first_argument(self, registers: Registers) -> int:
        return registers["x0"]

    def result(self, registers: Registers) -> int:
        return _signed(registers["x0"])

    def created(self, registers: Registers) -> int:
        return _signed(registers["x20"] & 0xFFFFFFFF, 32)

    # ---- interrupted waits ----

    def wait_named(self, number: int, arguments: tuple[int, ...]) -> Wait | None:
        if number == _RESTART_SYSCALL:
            number = self._restarted(arguments)
        if number not in _WAITS:
            return None
        name, _, timeout = _WAITS[number]
        return Wait.of(name, arguments, timeout, by_pointer=number in _TIMEOUT_IS_POINTER)

    @staticmethod
    def _restarted(arguments: tuple[int, ...]) -> int:
        """Which call restart_syscall(2) continues, by the arguments still in the registers."""
        first, second = arguments[0], arguments[1] & 0xFFFFFFFF
        if first < 4096:
            return _CLOCK_NANOSLEEP  # a clock id, not a pointer
        if second & ~0x1FF == 0 and second & FUTEX_COMMAND in (FUTEX_WAIT, FUTEX_WAIT_BITSET):
            return _FUTEX  # or a nanosleep without a second argument: taken for the less safe of the two
        return _NANOSLEEP

    def interrupted_wait(self, registers: Registers, before: bytes, following: bytes, call: Call | None) -> Wait | None:
        if following.startswith(_SVC):
            # it will begin anew, or begins only now; but a sleep would begin with its whole time
            if self._error_inside(registers, call) is None:
                return None
            arguments = tuple(registers[name] for name in _CALL_ARGUMENTS)
        elif before.endswith(_SVC) and self.result(registers) == _EINTR:
            # the first argument does not matter but for restart_syscall, which does not end so
            arguments = tuple(registers[name] for name in _CALL_ARGUMENTS)
        else:
            return None
        return self.wait_named(registers["x8"], arguments)

    @staticmethod
    def _error_inside(registers: Registers, call: Call | None) -> int | None:
        """With which error the kernel ends the system call before which the thread is; None if that is not known."""
        number = registers["x8"]
        if number == _RESTART_SYSCALL:
            return _ERESTART_RESTARTBLOCK  # only the kernel makes threads call this
        if number not in _WAITS:
            return None
        error = _WAITS[number][1]
        absolute = number == _CLOCK_NANOSLEEP and registers["x1"] & _TIMER_ABSTIME
        if number == _FUTEX and registers["x3"]:
            error = _ERESTART_RESTARTBLOCK
            absolute = registers["x1"] & FUTEX_COMMAND == FUTEX_WAIT_BITSET
        if error == _EINTR or absolute:
            return _ERESTARTNOHAND  # beginning anew is the same
        if error == _ERESTART_RESTARTBLOCK and call is None:
            return None  # the kernel remembers an end only if the thread was inside
        return error

    def was_in(self, registers: Registers, call: Call) -> bool:
        return (
            registers["x8"] == call.number
            and registers["sp"] == call.stack
            and registers["pc"] in (call.instruction, call.instruction - _SVC_SIZE)
            and all(registers[name] == value for name, value in zip(_GENERAL[1:6], call.arguments[1:], strict=True))
        )

    def restarts_by_itself(self, registers: Registers) -> bool:
        return self.result(registers) != _EINTR

    def restarts_through_call(self, registers: Registers) -> bool:
        # the kernel hides it: what it may do so, by the call
        number = registers["x8"]
        with_memory = number in _WAITS and _WAITS[number][1] == _ERESTART_RESTARTBLOCK
        return with_memory or number in (_FUTEX, _RESTART_SYSCALL)

    def begun_anew(self, registers: Registers, call: Call | None) -> Registers | None:
        if call is None:
            return None
        return registers | {"pc": registers["pc"] - _SVC_SIZE, "x0": call.arguments[0]}

    def failing_with_eintr(self, registers: Registers) -> Registers | None:
        if self.result(registers) == _EINTR:
            return registers
        return registers | {"pc": registers["pc"] + _SVC_SIZE, "x0": _EINTR & _ALL_ONES}

    def ending(self, registers: Registers, following: bytes, call: Call | None) -> Registers | None:
        error = self._error_inside(registers, call) if following.startswith(_SVC) else None
        if error is None:
            return None
        return registers | {
            "x0": error & _ALL_ONES,
            "pc": registers["pc"] + _SVC_SIZE,
            "syscall": registers["x8"] & 0xFFFFFFFF,
            "orig_x0": registers["x0"],
        }

    # ---- calls into the target ----

    def _by_itself(self, registers: Registers) -> Registers:
        """What the kernel makes of the registers when a thread leaves a system call for a signal handler."""
        if self.system_call(registers) < 0:
            return registers
        if self.result(registers) == _ERESTART_RESTARTBLOCK:
            return registers | {"x0": _EINTR & _ALL_ONES}
        return registers | {"pc": registers["pc"] - _SVC_SIZE, "x0": registers["orig_x0"]}

    def may_be_called(self, get_set: Callable[[int], bytes | None]) -> bool:
        streaming = get_set(
            _NT_ARM_SSVE
        )  # the vector registers of SME's streaming mode, in which nothing may be called
        return not (streaming and _SVE_HEADER.unpack_from(streaming)[4] & _SVE_REGISTERS_ARE_SVE)

    def home_frame(self, registers: Registers, vectors: Vectors, mask: int, way_home: int) -> tuple[int, bytes]:
        home = self._by_itself(registers)
        size = _RECORDS + len(self._records(vectors, 0))
        frame = (registers["sp"] - size) & ~15
        stack = struct.pack("<QIIQ", 0, _NO_SUCH_STACK, 0, 0)
        context = struct.pack("<QQ", 0, 0) + stack + struct.pack("<Q", mask).ljust(136, b"\0")
        general = struct.pack("<Q34Q", 0, *(home[name] for name in _NAMES)).ljust(288, b"\0")
        head = bytes(_SIGINFO_SIZE) + context + general
        return frame, head + self._records(vectors, frame + _RECORDS)

    @staticmethod
    def _records(vectors: Vectors, address: int) -> bytes:
        """The records about the vector registers, which begin at `address`."""
        content, sve = vectors.content, b""
        if vectors.kind == _NT_ARM_SVE:
            _, _, length, _, flags, _ = _SVE_HEADER.unpack_from(content)
            content = content[_SVE_HEADER.size :]
            if flags & _SVE_REGISTERS_ARE_SVE:
                size = 32 * length + 16 * length // 8 + length // 8  # z0 - z31, p0 - p15, ffr
                record = struct.pack("<IIHHHH", _SVE_MAGIC, -(-(16 + size) // 16) * 16, length, 0, 0, 0)
                sve = (record + content[:size]).ljust(-(-(16 + size) // 16) * 16, b"\0") + _TERMINATOR
                low_halves = b"".join(content[number * length :][:16] for number in range(32))
                content = low_halves + content[-(-size // 16) * 16 :][:8]
        record = struct.pack("<II", _FPSIMD_MAGIC, _FPSIMD_SIZE) + content[512:520] + content[:512]
        if sve:
            # where they may be larger than struct sigcontext has room for
            following = address + _FPSIMD_SIZE + _EXTRA_SIZE + len(_TERMINATOR)
            record += struct.pack("<IIQIIII", _EXTRA_MAGIC, _EXTRA_SIZE, following, len(sve), 0, 0, 0)
        return record + _TERMINATOR + sve

    def at_home(self, registers: Registers, frame: int, way_home: int) -> Registers:
        state = registers["pstate"] & ~_CLEARED_STATE
        return registers | {"pc": way_home, "sp": frame, "pstate": state, "syscall": _NO_SYSTEM_CALL}

    def calling(
        self, registers: Registers, function: int, arguments: tuple[int, ...], frame: int, way_home: int
    ) -> Registers:
        changed = {
            "pc": function,
            "sp": frame,
            "x30": way_home,
            "pstate": registers["pstate"] & ~_CLEARED_STATE,
            "syscall": _NO_SYSTEM_CALL,
            "x19": arguments[0] if arguments else 0,
        }
        changed.update((name, value & _ALL_ONES) for name, value in zip(_GENERAL, arguments, strict=False))
        return registers | changed
