"""Another process's memory: /proc/PID/mem and /proc/PID/maps (proc(5)).

Works across mount and PID namespaces and on deleted files. Opening needs the right to ptrace the target.
"""

import os
import re
import struct
from dataclasses import dataclass
from types import TracebackType

from attach.errors import TargetExited
from attach.process import Process

_PAGE = 4096
_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) (\S+) ([0-9]+) *(.*)", re.DOTALL)


class MemoryFault(Exception):
    """An address that is not mapped in the target, or cannot be written."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of /proc/PID/maps."""

    start: int
    end: int
    permissions: str
    offset: int
    inode: int
    path: str

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end

    @property
    def executable(self) -> bool:
        return "x" in self.permissions


def read_maps(process: Process) -> list[Mapping]:
    """The target's mappings, by address. Raises PermissionError without the right to ptrace it."""
    return parse_maps(process.read("maps"))


def parse_maps(content: bytes) -> list[Mapping]:
    """The mappings that /proc/PID/maps tells; lines that are none are passed over.

    Only a newline ends a line: the kernel writes one in a path as ``\\012``, and nothing else in another way.
    """
    found = []
    for line in content.split(b"\n"):
        match = _LINE.fullmatch(line.decode("utf-8", "surrogateescape"))
        if match:
            start, end, permissions, offset, _, inode, path = match.groups()
            found.append(Mapping(int(start, 16), int(end, 16), permissions, int(offset, 16), int(inode), path))
    return found


class Memory:
    """Reads and writes the target's memory. Raises `MemoryFault`, or `TargetExited` if the process is gone.

    Reads through `cached` are served from pages that are read once: for images, which do not change.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self._fd = os.open(process.path("mem"), os.O_RDWR | os.O_CLOEXEC)
        self._pages: dict[int, bytes] = {}

    def __enter__(self) -> "Memory":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _pread(self, address: int, size: int) -> bytes:
        try:
            return os.pread(self._fd, size, address)
        except (OSError, OverflowError, ValueError):
            raise MemoryFault(f"cannot read {size} bytes at {address:#x}") from None

    def read(self, address: int, size: int) -> bytes:
        data = self._pread(address, size)
        if len(data) != size:
            if not data:
                raise self._gone()
            raise MemoryFault(f"cannot read {size} bytes at {address:#x}")
        return data

    def _gone(self) -> TargetExited:
        """The error for memory that gives nothing, not even an error: after an exit or an execve(2)."""
        return TargetExited(self.process.pid, replaced=self.process.alive())

    def write(self, address: int, data: bytes) -> None:
        try:
            written = os.pwrite(self._fd, data, address)
        except (OSError, OverflowError, ValueError):
            written = -1
        if written != len(data):
            if not written:
                raise self._gone()
            raise MemoryFault(f"cannot write {len(data)} bytes at {address:#x}")

    def cached(self, address: int, size: int) -> bytes:
        """Like `read`, from pages that are kept: only for what does not change."""
        parts = []
        while size > 0:
            start = address - address % _PAGE
            page = self._pages.get(start)
            if page is None:
                page = self._pages[start] = self.read(start, _PAGE)
            part = page[address - start : address - start + size]
            parts.append(part)
            address += len(part)
            size -= len(part)
        return b"".join(parts)

    def u32(self, address: int) -> int:
        return int(struct.unpack("<I", self.read(address, 4))[0])

    def u64(self, address: int) -> int:
        return int(struct.unpack("<Q", self.read(address, 8))[0])

    def cached_string(self, address: int, limit: int = 4096) -> bytes:
        """The zero-terminated string there, at most `limit` bytes of it, through `cached`."""
        found = b""
        while len(found) < limit:
            part = self.cached(address, _PAGE - address % _PAGE)
            end = part.find(b"\0")
            if end >= 0:
                return found + part[:end]
            found += part
            address += len(part)
        return found[:limit]
