"""What the rest of `attach.inject` needs to know about a processor: one class per architecture implements
`Machine`.
"""

from dataclasses import dataclass
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class Wait:
    """A blocking system call that a thread was found in.

    `endless`: it has no timeout, so that beginning it anew changes nothing. `restarted`: the kernel goes on with it by
    itself, with the remaining time.
    """

    name: str
    endless: bool
    restarted: bool


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


class Machine(Protocol):
    """Registers, system calls and stubs of one architecture, as Linux shows them."""

    #: e_machine of its ELF images.
    elf_machine: int
    #: The NT_* number of the register set with floating point and vector registers.
    vector_set: int
    #: The number of the stack pointer in unwind tables.
    unwound_stack: int
    #: System call numbers.
    MMAP: int
    MUNMAP: int
    RETURN_FROM_SIGNAL: int
    #: The instructions of the C libraries' return from a signal handler.
    ways_home: tuple[bytes, ...]

    def decode(self, raw: bytes) -> Registers:
        """The registers of NT_PRSTATUS."""
        ...

    def encode(self, registers: Registers) -> bytes:
        """The inverse of `decode`."""
        ...

    def instruction(self, registers: Registers) -> int:
        """The address of the next instruction."""
        ...

    def stack(self, registers: Registers) -> int:
        """The stack pointer."""
        ...

    def system_call(self, registers: Registers) -> int:
        """The number of the system call the thread is in, -1 if in none."""
        ...

    def first_argument(self, registers: Registers) -> int:
        """The first argument of the system call the thread is in."""
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

    def interrupted_wait(self, registers: Registers, code: bytes) -> Wait | None:
        """The wait that a stop has interrupted, if it is one that `wait_named` knows; `code` precedes the
        next
        instruction."""
        ...

    def restarts_by_itself(self, registers: Registers) -> bool:
        """Whether the kernel will restart the interrupted call, or has it fail with EINTR."""
        ...

    def begun_anew(self, registers: Registers) -> Registers:
        """The registers with which the thread enters the interrupted system call again."""
        ...

    def failing_with_eintr(self, registers: Registers) -> Registers:
        """The registers with which the interrupted system call fails with EINTR."""
        ...

    def home_frame(self, registers: Registers, vectors: bytes, mask: int, way_home: int) -> tuple[int, bytes]:
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

    def thread_page(self, functions: Functions) -> bytes:
        """The code of our thread; see block.py for what it does."""
        ...

    def parked_entry_page(self, functions: Functions) -> bytes:
        """Starts our thread with pthread_create, unmaps its own page, goes home."""
        ...

    def pending_entry_page(self, functions: Functions) -> bytes:
        """Adds the pending call, and holds the code of the call."""
        ...
