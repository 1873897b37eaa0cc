"""The steps of which the stubs are made: one class per architecture writes them as instructions.

`stubs.py` says which steps, `x86_64_code.py` and `aarch64_code.py` how. A step may change every register but the kept
ones; RESULT holds until the next step that is not about it.
"""

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from attach.inject import block


class Kept(enum.Enum):
    """Registers that a called function leaves as they are. BLOCK is the address of the block."""

    BLOCK = enum.auto()
    FIRST = enum.auto()
    SECOND = enum.auto()
    OUTCOME = enum.auto()
    GIL = enum.auto()


class Result(enum.Enum):
    """What the last call, system call or subroutine returned."""

    RESULT = enum.auto()


RESULT = Result.RESULT


@dataclass(frozen=True, slots=True)
class At:
    """An address: that many bytes after the beginning of the block, or before it."""

    offset: int


@dataclass(frozen=True, slots=True)
class Word:
    """The 64-bit word at that offset in the block."""

    offset: int


@dataclass(frozen=True, slots=True)
class Local:
    """An address: that many bytes above the lower end of the open frame."""

    offset: int


@dataclass(frozen=True, slots=True)
class Here:
    """The address of a label."""

    label: str


#: What can be an argument; an int is at most 31 bits long.
Operand = int | Kept | Result | At | Word | Local | Here


class Assembler(ABC):
    """Collects the code of one page. `room` is in bytes, a multiple of 16; zero tests of ints look at 32 bits."""

    #: Fills the rest of the page, so that a stray jump is seen.
    breakpoint: bytes
    #: The system calls that the stubs make, and their numbers.
    system_calls: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        self._code = bytearray()
        self._labels: dict[str, int] = {}
        self._fixups: list[tuple[int, str]] = []

    def label(self, name: str) -> None:
        """The next instruction is where jumps to `name` lead."""
        self._labels[name] = len(self._code)

    def page(self) -> bytes:
        """The whole page, jumps to labels filled in."""
        for position, name in self._fixups:
            self._fill_in(position, self._labels[name] - position)
        assert len(self._code) <= block.PAGE
        fill = self.breakpoint * (block.PAGE // len(self.breakpoint))
        return bytes(self._code) + fill[len(self._code) :]

    @abstractmethod
    def _fill_in(self, position: int, distance: int) -> None:
        """Writes the distance to a label into what was noted at `position`."""

    # ---- calls ----

    @abstractmethod
    def arguments(self, *operands: Operand) -> None:
        """The arguments of a function; RESULT only as it was before."""

    @abstractmethod
    def call(self, address: int, *operands: Operand) -> None:
        """RESULT = the function at `address`."""

    @abstractmethod
    def jump_to(self, address: int) -> None:
        """Goes to a function, which returns to our caller."""

    @abstractmethod
    def system_call(self, name: str, *operands: Operand) -> None:
        """RESULT = the system call, negative on failure."""

    @abstractmethod
    def call_label(self, name: str) -> None:
        """RESULT = the subroutine."""

    @abstractmethod
    def return_(self) -> None:
        """Back to our caller, from a closed frame."""

    @abstractmethod
    def return_from_signal(self, room: int) -> None:
        """Closes the frame, and returns from the signal frame of borrowing.py without going through the C library."""

    # ---- the stack ----

    @abstractmethod
    def save_registers(self) -> None:
        """Saves the kept registers of our caller."""

    @abstractmethod
    def restore_registers(self) -> None:
        """The inverse of `save_registers`. Arguments and RESULT stay."""

    @abstractmethod
    def open_frame(self, room: int) -> None:
        """Makes `room` on the stack, and makes ready for calls."""

    @abstractmethod
    def close_frame(self, room: int) -> None:
        """The inverse of `open_frame`. Arguments and RESULT stay."""

    # ---- values ----

    @abstractmethod
    def take_block(self) -> None:
        """BLOCK = our first argument."""

    @abstractmethod
    def set(self, kept: Kept, value: int) -> None:
        """kept = value."""

    @abstractmethod
    def keep(self, kept: Kept) -> None:
        """kept = RESULT."""

    @abstractmethod
    def set_result(self, value: int) -> None:
        """RESULT = value."""

    @abstractmethod
    def limit_result(self, most: int) -> None:
        """RESULT = `most`, if it is greater as an unsigned number."""

    @abstractmethod
    def store(self, source: Kept | Result, offset: int) -> None:
        """The 32-bit word at `offset` in the block = `source`."""

    @abstractmethod
    def store_pointer(self, offset: int) -> None:
        """The 64-bit word at `offset` in the block = RESULT."""

    @abstractmethod
    def store_local(self, offset: int, value: int) -> None:
        """The 64-bit word at `offset` in the frame = `value`."""

    @abstractmethod
    def store_progress(self, source: Kept | int) -> None:
        """The progress = `source`, which others see after all that was written before, and before we read on."""

    @abstractmethod
    def copy_text(self) -> None:
        """Copies as many bytes as the text is long from RESULT to the text."""

    # ---- jumps ----

    @abstractmethod
    def jump(self, name: str) -> None:
        """Goes on at the label."""

    @abstractmethod
    def jump_if_zero(self, source: Kept | Result, name: str) -> None:
        """Goes on there if this int is 0."""

    @abstractmethod
    def jump_if_not_zero(self, source: Kept | Result, name: str) -> None:
        """Goes on there if this int is not 0."""

    @abstractmethod
    def jump_if_null(self, source: Kept | Result, name: str) -> None:
        """Goes on there if this pointer is NULL."""

    @abstractmethod
    def jump_if_set(self, offset: int, name: str) -> None:
        """Goes on there if the 32-bit word at `offset` in the block is not 0."""

    @abstractmethod
    def jump_if_different(self, offset: int, name: str) -> None:
        """Goes on there if RESULT is not the 32-bit word at `offset` in the block."""

    @abstractmethod
    def jump_unless(self, kept: Kept, value: int, name: str) -> None:
        """Goes on there if this int has another value."""

    @abstractmethod
    def jump_if_past(self, offset: int, name: str) -> None:
        """Goes on there if the timespec at Local(0) is no earlier than the nanoseconds at `offset` in the block."""
