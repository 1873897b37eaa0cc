"""Which Python interpreter a process runs, told by its symbols: never by names, which may be uwsgi or
anything else.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from attach.errors import NotPython, UnsupportedMachine, UnsupportedPython
from attach.inject.memory import Mapping, Memory, MemoryFault, read_maps
from attach.inject.symbols import ELFCLASS64, DamagedImage, Image, Symbol, image_mappings
from attach.process import Process

OLDEST, NEWEST = (3, 8), (3, 15)
MAX_INTERPRETERS = 1_000

#: A function that came with each version, newest first; 3.11 and later have `Py_Version`.
_CAME_WITH = (
    ("Py_NewRef", (3, 10)),
    ("PyFrame_GetCode", (3, 9)),
    ("Py_InitializeFromConfig", (3, 8)),
    ("_PyRuntime", (3, 7)),
    ("PyUnicode_AsUTF8String", (3, 6)),
)


@dataclass(frozen=True, slots=True)
class Version:
    """A Python version; `micro` is None where it cannot be told without running code (before 3.11)."""

    major: int
    minor: int
    micro: int | None = None

    @property
    def pair(self) -> tuple[int, int]:
        return (self.major, self.minor)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" + ("" if self.micro is None else f".{self.micro}")


class Runtime:
    """The CPython interpreter in a process, and where its functions and those of the C library are.

    Raises `NotPython`, `UnsupportedPython`, `UnsupportedMachine`, PermissionError.
    """

    def __init__(self, process: Process, memory: Memory) -> None:
        self.process = process
        self.memory = memory
        self.maps = read_maps(process)
        self._mappings = sorted(image_mappings(self.maps), key=self._likelihood)
        self._images: dict[int, Image | None] = {}
        self.python = self._find_python()
        self.version = python_version(self.python, memory)
        self._check_version()

    @staticmethod
    def _likelihood(mapping: Mapping) -> int:
        """In which order to look into images: an order only, any image may hold the interpreter or a C
        library.
        """
        name = os.path.basename(mapping.path)
        for rank, word in enumerate(("libpython", "python", "libc", "libpthread", "ld-")):
            if word in name:
                return rank
        return 9

    def image(self, mapping: Mapping) -> Image | None:
        """The image that begins with `mapping`, None if it is none."""
        if mapping.start not in self._images:
            try:
                self._images[mapping.start] = Image(self.memory, mapping.start, mapping.path)
            except DamagedImage:
                self._images[mapping.start] = None
        return self._images[mapping.start]

    def _find_python(self) -> Image:
        """The interpreter; of several, as where an extension drags in a libpython of its own, the one that runs.

        One without ``_PyRuntime`` is older than 3.7 and cannot be asked: it counts only where there is no other.
        """
        found = []
        for mapping in self._mappings:
            image = self.image(mapping)
            try:
                if image and image.symbol("Py_AddPendingCall") and image.symbol("PyGILState_Ensure"):
                    found.append(image)
                    if image.symbol("_PyRuntime") and is_initialised(image, self.memory):
                        return image
            except DamagedImage:
                continue
        if found:
            return found[0]
        self._explain_missing()
        raise NotPython(self.process.pid, self.process.name)

    def _explain_missing(self) -> None:
        """Raises the error for a process that is not CPython but might look like it."""
        for mapping in self._mappings:
            if "pypy" in os.path.basename(mapping.path):
                raise UnsupportedPython(self.process.pid, "PyPy")
            try:
                header = self.memory.cached(mapping.start, 20)
            except MemoryFault:
                continue
            if header[:4] == b"\x7fELF" and header[4] != ELFCLASS64:
                raise UnsupportedMachine(self.process.pid, "a 32-bit program")

    def _check_version(self) -> None:
        if not OLDEST <= self.version.pair <= NEWEST:
            raise UnsupportedPython(self.process.pid, f"CPython {self.version}")

    # ---- symbols ----

    def find(self, name: str) -> Symbol | None:
        """The symbol, from the interpreter's image or else from the likeliest image that defines it."""
        images = [self.python, *(self.image(mapping) for mapping in self._mappings)]
        for image in images:
            try:
                found = image.symbol(name) if image else None
            except DamagedImage:
                continue
            if found:
                return found
        return None

    def address(self, name: str) -> int:
        """The address of a function that must exist. Raises `UnsupportedPython` if it does not."""
        found = self.find(name)
        if found is None:
            raise UnsupportedPython(self.process.pid, f"CPython {self.version} without {name}")
        return found.address

    def mapping_at(self, address: int) -> Mapping | None:
        """The mapping that holds `address`, as it was when the maps were read."""
        return next((mapping for mapping in self.maps if address in mapping), None)

    def image_at(self, address: int) -> Image | None:
        """The image that holds `address`."""
        mapping = self.mapping_at(address)
        first = next((one for one in self._mappings if mapping and one.path == mapping.path), None)
        return self.image(first) if first else None

    @property
    def c_library(self) -> str:
        """The C library it runs on: "glibc", else "musl", the other one for Linux."""
        return "glibc" if self.find("gnu_get_libc_version") else "musl"

    # ---- the state of the interpreter ----

    @property
    def initialised(self) -> bool:
        """Whether Py_Initialize has ended."""
        return is_initialised(self.python, self.memory)

    @property
    def finalising(self) -> bool:
        """Whether Py_Finalize has begun to tear the interpreter down (``_PyRuntime._finalizing``)."""
        return bool(self.memory.u64(_state(self.python, self.memory)[1]))


def interpreters(memory: Memory, head: int, following: int) -> Iterator[int]:
    """The addresses of the interpreters of a list that begins at `head`: each new one is put in front, so the main one
    is the last. At most one more than `MAX_INTERPRETERS`.

    `following` is where an interpreter has the address of the next.
    """
    interpreter = memory.u64(head)
    for _ in range(MAX_INTERPRETERS + 1):
        if not interpreter:
            return
        yield interpreter
        interpreter = memory.u64(interpreter + following)


def is_initialised(image: Image, memory: Memory) -> bool:
    """Whether Py_Initialize has ended in this interpreter (``_PyRuntime.initialized``); true without one."""
    if not image.symbol("_PyRuntime"):
        return True
    return bool(memory.u32(_state(image, memory)[0]))


def _state(image: Image, memory: Memory) -> tuple[int, int]:
    """Where `initialized` and `_finalizing` are (Include/internal/pycore_runtime.h of each version).

    The ints before `_finalizing` are: preinitializing, preinitialized, core_initialized, initialized; 3.11 put another
    one in front. From 3.13 on `_Py_DebugOffsets` says where `_finalizing` is.
    """
    runtime = image.address("_PyRuntime")
    pair = python_version(image, memory).pair
    if pair < (3, 11):
        return runtime + 12, runtime + 16
    finalising = memory.u64(runtime + 32) if pair >= (3, 13) else 24
    return runtime + finalising - 8, runtime + finalising


def python_version(image: Image, memory: Memory) -> Version:
    """The version of the interpreter in `image`: `Py_Version` (3.11+), else by the functions it has."""
    address = image.address("Py_Version")
    if address:
        value = struct.unpack("<I", memory.cached(address, 4))[0]
        return Version(value >> 24, value >> 16 & 255, value >> 8 & 255)
    for name, (major, minor) in _CAME_WITH:
        if image.symbol(name):
            return Version(major, minor)
    return Version(2, 7)
