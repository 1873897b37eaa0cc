"""The reader of images in memory finds what the files say, and copes with damage."""

import struct
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attach.inject.memory import Memory, MemoryFault, read_maps
from attach.inject.symbols import DamagedImage, Image, image_mappings
from attach.process import Process
from tests.inject.support import in_state
from tests.support.interpreters import Interpreter, on_interpreters

BASE = 0x7F0000000000
WANTED = ("Py_AddPendingCall", "PyInit__struct", "pthread_create", "no_such_symbol", "")


class Bytes(Memory):
    """Memory that holds nothing but some bytes at `BASE`."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def cached(self, address: int, size: int) -> bytes:
        start = address - BASE
        if start < 0 or start + size > len(self.content):
            raise MemoryFault
        return self.content[start : start + size]

    def read(self, address: int, size: int) -> bytes:
        return self.cached(address, size)


def functions(path: str) -> dict[str, set[int]]:
    """The functions that a file exports, each with the values of its versions, by the file's own section headers."""
    found: dict[str, set[int]] = {}
    with open(path, "rb") as file:
        for symbol in ELFFile(file).get_section_by_name(".dynsym").iter_symbols():
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF":
                found.setdefault(symbol.name, set()).add(symbol["st_value"])
    return found


@on_interpreters("3.8", "3.11", "3.14")
def test_every_function_of_every_image_is_found(interpreter: Interpreter) -> None:
    """For all images of a real process, each exported function has the address that the file tells, and a name."""
    with in_state(interpreter, "sleep") as target, Memory(Process(target.pid)) as memory:
        mappings = image_mappings(read_maps(Process(target.pid)))
        assert len(mappings) > 3
        for mapping in mappings:
            image = Image(memory, mapping.start, mapping.path)
            expected = functions(mapping.path)
            names = list(expected)[:: max(1, len(expected) // 300)]  # about 300 of each
            for name in names:
                symbol = image.symbol(name)
                assert symbol is not None, (mapping.path, name)
                assert symbol.address - image.bias in expected[name]
                assert symbol.address - image.bias in expected[image.function_at(symbol.address)]
            assert image.symbol("no_such_symbol") is None
            assert image.address("no_such_symbol") == 0


@pytest.fixture(scope="module")
def library() -> bytes:
    """A small library of this Python, laid out as in memory."""
    folder = Path(sysconfig.get_path("stdlib")) / "lib-dynload"
    path = min(folder.glob("_struct.*.so"))
    with path.open("rb") as file:
        elf = ELFFile(file)
        loads = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
        memory = bytearray(max(segment["p_vaddr"] + segment["p_memsz"] for segment in loads))
        for segment in loads:
            memory[segment["p_vaddr"] : segment["p_vaddr"] + segment["p_filesz"]] = segment.data()
    return bytes(memory)


def test_an_image_whose_pointers_are_not_relocated(library: bytes) -> None:
    """As with musl: the pointers of the dynamic section are still those of the file."""
    symbol = Image(Bytes(library), BASE).symbol("PyInit__struct")
    assert symbol is not None
    assert BASE < symbol.address < BASE + len(library)
    assert symbol.address in symbol
    assert symbol.address + symbol.size not in symbol


def damages(library: bytes) -> Iterator[tuple[int, int]]:
    """Where the reader looks: headers, dynamic section, hash table."""
    (offset,) = struct.unpack_from("<Q", library, 32)
    yield 0, 64
    yield offset, 56 * 12
    for start in range(0, min(len(library), 4096), 512):
        yield start, 512


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_image_is_an_error_and_never_a_hang(library: bytes, data: st.DataObject) -> None:
    """Whatever the bytes, a lookup ends: with a symbol, with none, or with `DamagedImage`."""
    content = bytearray(library)
    for _ in range(data.draw(st.integers(1, 4))):
        start, size = data.draw(st.sampled_from(list(damages(library))))
        position = start + data.draw(st.integers(0, size - 8))
        content[position : position + 8] = data.draw(
            st.one_of(st.binary(min_size=8, max_size=8), st.sampled_from([bytes(8), b"\xff" * 8]))
        )
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    try:
        image = Image(Bytes(bytes(content[:cut])), BASE)
        for name in WANTED:
            image.symbol(name)
        image.function_at(BASE + 0x2000)
    except DamagedImage:
        pass


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=4096))
def test_anything_but_an_image_is_an_error(content: bytes) -> None:
    """Bytes that are no image give `DamagedImage`."""
    with pytest.raises(DamagedImage):
        Image(Bytes(content), BASE)
