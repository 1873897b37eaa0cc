"""What is mapped into the target, and how it is talked to.

::

    entry page   R X   run once by a borrowed thread, or by CPython as a pending call; then unmapped by itself
    thread page  R X   the code of our thread
    block        RW    the words below, then the source
    ...

Our thread, as soon as CPython lets it, compiles and runs the source, and last of all unmaps the thread page
and the block while it jumps out of them: `munmap` returns to where the thread came from. So nothing has to
be cleaned up, and nothing can be left behind, whatever becomes of us. The entry page does the same with
itself.

It does nothing but leave once the deadline (wall clock) has passed, in a forked child, or when the abort
word is set. The operator writes to the block only before our code can run, or while the thread that could
unmap it is stopped: after the unmapping the address may belong to something else.
"""

import enum
import mmap
import struct
import time
from dataclasses import dataclass

from attach.inject.memory import Memory, MemoryFault

#: The size of a page of memory in bytes: 4 KB, on some aarch64 kernels 16 KB or 64 KB.
PAGE = mmap.PAGESIZE

# offsets in the block
PROGRESS, ABORT, INNER_PID, TID = 0, 4, 8, 12
DEADLINE, SIZE, MAGIC, MASK = 16, 24, 32, 40
TYPE, VALUE, TRACE, STRING, BYTES = 48, 56, 64, 72, 80
TEXT_LENGTH, CREATE_ERROR = 88, 92
TEXT, TEXT_ROOM = 96, 3800
FILENAME, BUILTINS, ENCODING, ERRORS = 3936, 3968, 3984, 3992
SOURCE = 4096

#: How long our thread stays after a failure, for the operator to read why.
LINGER_SECONDS = 1

_NAMES = (
    (FILENAME, b"<live-attach>"),
    (BUILTINS, b"__builtins__"),
    (ENCODING, b"utf-8"),
    (ERRORS, b"backslashreplace"),
)


class Progress(enum.IntEnum):
    """How far our thread has come (the word at `PROGRESS`)."""

    WAITING = 0
    ENTERED = 1
    RUNNING = 2
    DONE = 3
    FAILED = 4
    ABORTED = 5
    NO_THREAD = 6
    #: The block is not there any more: the thread has left.
    LEFT = 7


@dataclass(frozen=True, slots=True)
class Report:
    """What the block says at one moment."""

    progress: Progress
    inner_tid: int
    text: str
    create_error: int


class Block:
    """The content of one injection's mapping before it is mapped, then a view of it."""

    def __init__(self, source: str, inner_pid: int, seconds: float, mask: int) -> None:
        encoded = source.encode() + b"\0"
        self.size = -(-(SOURCE + len(encoded)) // PAGE) * PAGE
        #: Thread page and block, in bytes: what our thread unmaps.
        self.unmapped_by_thread = PAGE + self.size
        #: Entry page, thread page and block.
        self.total = PAGE + self.unmapped_by_thread
        self._magic = time.monotonic_ns() | 1
        content = bytearray(self.size)
        struct.pack_into("<I", content, INNER_PID, inner_pid)
        deadline = time.time_ns() + int(seconds * 1e9)
        struct.pack_into("<QQQQ", content, DEADLINE, deadline, self.unmapped_by_thread, self._magic, mask)
        for offset, name in _NAMES:
            content[offset : offset + len(name)] = name
        content[SOURCE : SOURCE + len(encoded)] = encoded
        self.content = bytes(content)
        self.entry_page = self.thread_page = self.address = 0

    def placed(self, mapping: int) -> None:
        """Remembers where it was mapped: `mapping` is the entry page."""
        self.entry_page = mapping
        self.thread_page = mapping + PAGE
        self.address = mapping + 2 * PAGE

    def ours(self, memory: Memory) -> bool:
        """Whether the block is still mapped."""
        try:
            return memory.u64(self.address + MAGIC) == self._magic
        except MemoryFault:
            return False

    def report(self, memory: Memory) -> Report:
        """Reads the words; a block that is gone reports `Progress.LEFT`."""
        try:
            content = memory.read(self.address, SOURCE)
        except MemoryFault:
            return Report(Progress.LEFT, 0, "", 0)
        if struct.unpack_from("<Q", content, MAGIC)[0] != self._magic:
            return Report(Progress.LEFT, 0, "", 0)
        progress, _, _, tid = struct.unpack_from("<IIII", content, PROGRESS)
        length, create_error = struct.unpack_from("<II", content, TEXT_LENGTH)
        text = content[TEXT : TEXT + min(length, TEXT_ROOM)].decode("utf-8", "replace")
        if progress > Progress.NO_THREAD:
            return Report(Progress.LEFT, 0, "", 0)
        return Report(Progress(progress), tid, text, create_error)

    def abort(self, memory: Memory) -> None:
        """Sets the abort word. Only while no thread can run or unmap the block."""
        if self.ours(memory):
            memory.write(self.address + ABORT, b"\1\0\0\0")
