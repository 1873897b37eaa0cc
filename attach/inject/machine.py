"""What the rest of `attach.inject` needs to know about a processor: one class per architecture implements
`Machine`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from attach.inject.assembler import Assembler

#: Register name -> unsigned value.
Registers = dict[str, int]

#: What the stubs call in CPython; all exist from 3.8 to 3.15.
PYTHON_FUNCTIONS = (
    "PyGILState_Ensure",
    "PyGILState_Release",
    "Py_AddPendingCall",
    "Py_CompileString",
    "PyDict_New",
    "PyDict_SetItemString",
    "PyEval_GetBuiltins",
    "PyEval_EvalCode",
    "PyErr_Fetch",
    "PyErr_NormalizeException",
    "PyErr_Clear",
    "PyObject_Repr",
    "PyUnicode_AsEncodedString",
    "PyBytes_AsString",
    "PyBytes_Size",
    "Py_DecRef",
)


#: futex(2): the operations that wait, and the bits that name one.
FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_COMMAND = 0, 9, 0x7F


@dataclass(frozen=True, slots=True)
class Wait:
    """A blocking system call that a thread was found in.

    `endless`: it has no timeout, so that beginning it anew changes nothing. `restarted`: the kernel goes on with it by
    itself, with the remaining time.
    """

    name: str
    endless: bool
    restarted: bool

    @classmethod
    def of(cls, name: str, arguments: tuple[int, ...], timeout: int | None, *, by_pointer: bool) -> "Wait | None":
        """The wait in the call `name`; None if a thread in it may hold a lock of the C library.

        `timeout` is the index of the argument that holds it, or points to it, where the kernel does not restart the
        call by itself.
        """
        # a plain FUTEX_WAIT may be a lock of malloc or of the dynamic linker
        if name == "futex" and arguments[1] & FUTEX_COMMAND != FUTEX_WAIT_BITSET:
            return None
        if timeout is None:
            return cls(name, endless=False, restarted=True)
        value = arguments[timeout]
        endless = value == 0 if by_pointer else bool(value >> 31 & 1)
        return cls(name, endless, restarted=False)


@dataclass(frozen=True, slots=True)
class Functions:
    """Addresses, in the target, of what the stubs call."""

    mmap: int
    munmap: int
    pthread_create: int
    pthread_attr_init: int
    pthread_attr_setstacksize: int
    pthread_attr_setdetachstate: int
    python: dict[str, int]


@dataclass(frozen=True, slots=True)
class Vectors:
    """The floating point and vector registers: the number of their register set, and its content."""

    kind: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A system call in which a thread sleeps, as /proc/PID/task/TID/syscall tells it."""

    number: int
    arguments: tuple[int, ...]
    stack: int
    #: The address of the next instruction.
    instruction: int


class Machine(Protocol):
    """Registers, system calls and stubs of one architecture, as Linux shows them."""

    #: e_machine of its ELF images.
    elf_machine: int
    #: The NT_* numbers of the register sets of which `decode` makes registers.
    register_sets: tuple[int, ...]
    #: The NT_* numbers of the sets with floating point and vector registers: the first that exists holds them all.
    vector_sets: tuple[int, ...]
    #: The number of the stack pointer in unwind tables; None where return addresses may be in registers.
    unwound_stack: int | None
    #: System call numbers.
    MMAP: int
    MUNMAP: int
    RETURN_FROM_SIGNAL: int
    #: The instructions of the return from a signal handler: the vDSO or the C library has them.
    ways_home: tuple[bytes, ...]
    #: The addresses of instructions are multiples of this.
    instruction_alignment: int
    #: Whether a stop hides something of an interrupted system call, so that one has to look before.
    hides_calls: bool
    #: Writes the stubs.
    assembler: type[Assembler]

    def decode(self, sets: tuple[bytes, ...]) -> Registers:
        """The registers of the register sets."""
        ...

    def encode(self, registers: Registers) -> dict[int, bytes]:
        """The inverse of `decode`: the content of each register set, in the order in which they have to be set.

        After each of them the thread must be able to go on, should nobody set the next.
        """
        ...

    def instruction(self, registers: Registers) -> int:
        """The address of the next instruction."""
        ...

    def stack(self, registers: Registers) -> int:
        """The stack pointer."""
        ...

    def return_addresses(self, registers: Registers, words: tuple[int, ...]) -> tuple[int, ...]:
        """What may be return addresses, innermost first, of `words` from the stack."""
        ...

    def system_call(self, registers: Registers) -> int:
        """The number of the system call the thread is in, -1 if in none."""
        ...

    def first_argument(self, registers: Registers) -> int:
        """The first argument of the system call at whose beginning the thread is."""
        ...

    def result(self, registers: Registers) -> int:
        """The signed result of a system call."""
        ...

    def created(self, registers: Registers) -> int:
        """What the function called by an entry stub returned, at the stub's last system call."""
        ...

    def wait_named(self, number: int, arguments: tuple[int, ...]) -> Wait | None:
        """The wait, if a thread in this system call holds no lock of the C library; else None."""
        ...

    def interrupted_wait(self, registers: Registers, before: bytes, following: bytes, call: Call | None) -> Wait | None:
        """The wait that a stop has interrupted, if it is one that `wait_named` knows.

        `before` and `following` are 8 bytes of code before the next instruction, and from it on. `call` is the call it
        was in, if that is known.
        """
        ...

    def was_in(self, registers: Registers, call: Call) -> bool:
        """Whether a stopped thread, which had been asleep in this call, has these registers."""
        ...

    def restarts_by_itself(self, registers: Registers) -> bool:
        """Whether the kernel will restart the interrupted call, or has it fail with EINTR."""
        ...

    def restarts_through_call(self, registers: Registers) -> bool:
        """Whether the kernel will go on with the interrupted call by a call of restart_syscall(2)."""
        ...

    def begun_anew(self, registers: Registers, call: Call | None) -> Registers | None:
        """The registers with which the thread enters the interrupted system call again; None if that takes `call`."""
        ...

    def failing_with_eintr(self, registers: Registers) -> Registers | None:
        """The registers with which the interrupted wait fails with EINTR; None if it has been begun anew."""
        ...

    def may_be_called(self, get_set: Callable[[int], bytes | None]) -> bool:
        """Whether a thread in somebody's compiled code is in a mode in which functions may be called.

        `get_set` gives a register set of the thread, None if this processor or kernel has none of that number.
        """
        ...

    def home_frame(self, registers: Registers, vectors: Vectors, mask: int, way_home: int) -> tuple[int, bytes]:
        """A signal frame below the thread's stack that brings all this back: its address and its bytes."""
        ...

    def at_home(self, registers: Registers, frame: int, way_home: int) -> Registers:
        """The registers of a thread that is about to return from the signal frame."""
        ...

    def calling(
        self, registers: Registers, function: int, arguments: tuple[int, ...], frame: int, way_home: int
    ) -> Registers:
        """The registers of a thread that has just been called at `function` and will return to `way_home`."""
        ...

    def ending(self, registers: Registers, following: bytes, call: Call | None) -> Registers | None:
        """The registers with which the interrupted call ended inside the kernel, where they are not `registers`.

        If they are set at the end of another system call that had the same first argument, the kernel decides, as it
        would have done, whether the call goes on or fails with EINTR. None where `registers` at any stop do that.
        """
        ...
