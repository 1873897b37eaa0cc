"""Addresses of symbols, read from the images (ELF files) as they are in the target's memory.

No file is opened: executables may be stripped, deleted, replaced on disk, or lie in another mount
namespace. What is needed is in memory, because the dynamic linker needed it: program headers, PT_DYNAMIC,
and a hash table, DT_GNU_HASH or DT_HASH (elf(5), System V gABI chapter 5). All loops and sizes are bounded:
a damaged or hostile image gives `DamagedImage`.
"""

import bisect
import struct
from dataclasses import dataclass
from functools import cached_property

from attach.inject.memory import Mapping, Memory, MemoryFault

_PT_LOAD, _PT_DYNAMIC, _PT_GNU_EH_FRAME = 1, 2, 0x6474E550
_DT_NULL, _DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_GNU_HASH = 0, 4, 5, 6, 0x6FFFFEF5
_STT_FUNC, _STT_GNU_IFUNC = 2, 10
_SYMBOL_SIZE = 24
_MAX_PROGRAM_HEADERS = 256
_MAX_DYNAMIC = 1024
_MAX_CHAIN = 65536
_MAX_SYMBOLS = 1 << 17

ELFCLASS64 = 2


class DamagedImage(Exception):
    """What should be an image in the target's memory cannot be one."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A defined dynamic symbol: its address in the target and its size in bytes."""

    address: int
    size: int

    def __contains__(self, address: int) -> bool:
        return self.address <= address < self.address + self.size


class Image:
    """One ELF image in the target's memory. Raises `DamagedImage`."""

    def __init__(self, memory: Memory, base: int, path: str = "") -> None:
        self.path = path
        self.base = base
        self._memory = memory
        header = self._read(base, 64)
        if header[:4] != b"\x7fELF":
            raise DamagedImage(f"no ELF header at {base:#x}")
        #: 1: 32 bit, 2: 64 bit
        self.elf_class = header[4]
        #: EM_X86_64 is 62, EM_AARCH64 183
        self.machine = struct.unpack_from("<H", header, 18)[0]
        if self.elf_class != ELFCLASS64:
            raise DamagedImage(f"not a 64-bit image at {base:#x}")
        self._read_dynamic(header)

    def _read(self, address: int, size: int) -> bytes:
        try:
            return self._memory.cached(address, size)
        except MemoryFault as fault:
            raise DamagedImage(str(fault)) from None

    def _words(self, address: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", self._read(address, 4 * count))

    def _read_dynamic(self, header: bytes) -> None:
        (offset,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        if size != 56 or count > _MAX_PROGRAM_HEADERS:
            raise DamagedImage(f"bad program headers at {self.base:#x}")
        table = self._read(self.base + offset, size * count)
        first_load = dynamic = unwinding = None
        for kind, _flags, file_offset, address, *_ in struct.iter_unpack("<IIQQQQQQ", table):
            if kind == _PT_LOAD and first_load is None:
                first_load = address - file_offset
            elif kind == _PT_DYNAMIC:
                dynamic = address
            elif kind == _PT_GNU_EH_FRAME:
                unwinding = address
        if dynamic is None:
            raise DamagedImage(f"no dynamic section at {self.base:#x}")
        #: What is added to the addresses in the file.
        self.bias = self.base - (first_load or 0)
        #: Where the index of its unwind tables is, 0 without one.
        self.unwind_index = 0 if unwinding is None else self.bias + unwinding
        found: dict[int, int] = {}
        where = self.bias + dynamic
        for _ in range(_MAX_DYNAMIC):
            tag, value = struct.unpack("<QQ", self._read(where, 16))
            if tag == _DT_NULL:
                break
            found.setdefault(tag, value)
            where += 16
        if _DT_SYMTAB not in found or _DT_STRTAB not in found:
            raise DamagedImage(f"no dynamic symbols at {self.base:#x}")
        self._symbols = self._relocated(found[_DT_SYMTAB])
        self._strings = self._relocated(found[_DT_STRTAB])
        self._gnu_hash = self._relocated(found[_DT_GNU_HASH]) if _DT_GNU_HASH in found else None
        self._sysv_hash = self._relocated(found[_DT_HASH]) if _DT_HASH in found else None

    def _relocated(self, pointer: int) -> int:
        """glibc adds the bias to the pointers of the dynamic section in memory, musl and the vDSO do not."""
        return pointer if pointer >= self.base else pointer + self.bias

    def symbol(self, name: str) -> Symbol | None:
        """The definition of `name` in this image, or None."""
        encoded = name.encode()
        if self._gnu_hash is not None:
            return self._find_gnu(encoded, self._gnu_hash)
        if self._sysv_hash is not None:
            return self._find_sysv(encoded, self._sysv_hash)
        raise DamagedImage(f"no hash table at {self.base:#x}")

    def address(self, name: str) -> int:
        """The address of `name`, 0 if it is not defined here."""
        symbol = self.symbol(name)
        return symbol.address if symbol else 0

    def function_at(self, address: int) -> str:
        """The name of the exported function that holds `address`, empty if none does."""
        index = bisect.bisect_right(self._functions, (address - self.bias, 1 << 64, 0)) - 1
        if index < 0:
            return ""
        start, size, name = self._functions[index]
        if address - self.bias >= start + size:
            return ""
        return self._memory.cached_string(self._strings + name).decode("utf-8", "replace")

    @cached_property
    def _functions(self) -> list[tuple[int, int, int]]:
        """Value, size and name offset of the functions defined here, by value."""
        table = self._read(self._symbols, _SYMBOL_SIZE * self._count())
        return sorted(
            (value, size, name)
            for name, info, _other, section, value, size in struct.iter_unpack("<IBBHQQ", table)
            if section and info & 15 == _STT_FUNC
        )

    def _count(self) -> int:
        """How many dynamic symbols there are: only the hash tables tell."""
        if self._sysv_hash is not None:
            return min(self._words(self._sysv_hash, 2)[1], _MAX_SYMBOLS)
        if self._gnu_hash is None:
            return 0
        buckets, first, bloom_words, _ = self._words(self._gnu_hash, 4)
        bucket_table = self._gnu_hash + 16 + 8 * bloom_words
        if buckets > _MAX_SYMBOLS:
            raise DamagedImage(f"bad hash table at {self.base:#x}")
        last = max(self._words(bucket_table, buckets), default=0)
        if last < first:
            return first
        chain_table = bucket_table + 4 * buckets
        while last < _MAX_SYMBOLS and not self._words(chain_table + 4 * (last - first), 1)[0] & 1:
            last += 1
        return last + 1

    def _find_gnu(self, name: bytes, table: int) -> Symbol | None:
        buckets, first, bloom_words, bloom_shift = self._words(table, 4)
        if not buckets or not bloom_words:
            return None
        value = 5381
        for byte in name:
            value = (value * 33 + byte) & 0xFFFFFFFF
        (word,) = struct.unpack("<Q", self._read(table + 16 + 8 * (value // 64 % bloom_words), 8))
        if not (word >> value % 64) & (word >> (value >> (bloom_shift & 31)) % 64) & 1:
            return None
        bucket_table = table + 16 + 8 * bloom_words
        chain_table = bucket_table + 4 * buckets
        (index,) = self._words(bucket_table + 4 * (value % buckets), 1)
        if index < first:
            return None
        for _ in range(_MAX_CHAIN):
            (chain,) = self._words(chain_table + 4 * (index - first), 1)
            if chain | 1 == value | 1:
                found = self._definition(index, name)
                if found:
                    return found
            if chain & 1:
                return None
            index += 1
        raise DamagedImage(f"endless hash chain at {self.base:#x}")

    def _find_sysv(self, name: bytes, table: int) -> Symbol | None:
        buckets, symbols = self._words(table, 2)
        if not buckets:
            return None
        value = 0
        for byte in name:
            value = (value << 4) + byte
            high = value & 0xF0000000
            value = (value ^ (high >> 24)) & ~high & 0xFFFFFFFF
        (index,) = self._words(table + 8 + 4 * (value % buckets), 1)
        for _ in range(_MAX_CHAIN):
            if not index:
                return None
            if index >= symbols:
                break
            found = self._definition(index, name)
            if found:
                return found
            (index,) = self._words(table + 8 + 4 * (buckets + index), 1)
        raise DamagedImage(f"bad hash chain at {self.base:#x}")

    def _definition(self, index: int, name: bytes) -> Symbol | None:
        entry = self._read(self._symbols + _SYMBOL_SIZE * index, _SYMBOL_SIZE)
        string, info, _other, section, value, size = struct.unpack("<IBBHQQ", entry)
        if not section or not value or info & 15 == _STT_GNU_IFUNC:
            return None
        if self._read(self._strings + string, len(name) + 1) != name + b"\0":
            return None
        return Symbol(self.bias + value, size)


def image_mappings(maps: list[Mapping]) -> list[Mapping]:
    """Where the images begin: for each executable part of a file, the nearest mapping of its beginning below it.

    The nearest, because a program may have mapped the same file as data too, anywhere.
    """
    beginnings: dict[tuple[int, str], Mapping] = {}
    found: dict[int, Mapping] = {}
    for mapping in maps:  # in ascending order (proc_pid_maps(5))
        key = (mapping.inode, mapping.path)
        if mapping.offset == 0 and mapping.inode and "r" in mapping.permissions:
            beginnings[key] = mapping
        if mapping.executable and key in beginnings:
            found[beginnings[key].start] = beginnings[key]
    return list(found.values())
