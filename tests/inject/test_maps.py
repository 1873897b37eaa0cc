"""The reader of /proc/PID/maps."""

import os
import re

from hypothesis import example, given
from hypothesis import strategies as st

from attach.inject.memory import Mapping, parse_maps, read_maps
from attach.process import Process

addresses = st.integers(0, 2**64 - 1)
#: What the kernel shows of a path: any bytes but zero; it writes a newline as \012 (seq_path(), fs/seq_file.c).
paths = st.binary(max_size=40).map(lambda raw: raw.replace(b"\0", b"").replace(b"\n", b"\\012").lstrip(b" "))
permissions = st.tuples(*(st.sampled_from(pair) for pair in ("r-", "w-", "x-", "ps"))).map("".join)
mappings = st.builds(
    Mapping,
    start=addresses,
    end=addresses,
    permissions=permissions,
    offset=addresses,
    inode=st.integers(0, 2**64 - 1),
    path=paths.map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)


def shown(mapping: Mapping) -> bytes:
    """The line as the kernel writes it (show_vma_header_prefix(), fs/proc/task_mmu.c)."""
    head = f"{mapping.start:08x}-{mapping.end:08x} {mapping.permissions} {mapping.offset:08x} fe:01 {mapping.inode} "
    return head.encode().ljust(73 if mapping.path else 0) + mapping.path.encode("utf-8", "surrogateescape") + b"\n"


@given(st.lists(mappings, max_size=5))
@example([Mapping(0, 1, "r-xp", 0, 1, "/tmp/a\r7f0000000000-7f0000001000 r-xp 00000000 fe:01 7 /lib/libpython.so")])
@example([Mapping(0, 1, "r-xp", 0, 1, "/tmp/a\u20287f0000000000-7f0000001000 r-xp 00000000 fe:01 7 /lib/libpython.so")])
def test_what_the_kernel_writes_is_read(expected: list[Mapping]) -> None:
    """Every line gives one mapping, whatever the path of the file: a path cannot look like a line of its own."""
    assert parse_maps(b"".join(map(shown, expected))) == expected


@given(st.binary(max_size=300) | st.text("0123456789abcdef- rwxp:/\n\x85\u2028", max_size=300).map(str.encode))
def test_anything_else_is_passed_over(content: bytes) -> None:
    """Bytes that are no lines of maps give no mapping and no error."""
    for mapping in parse_maps(content):
        assert isinstance(mapping, Mapping)


def test_a_real_process() -> None:
    """Of this very process every line is understood."""
    process = Process(os.getpid())
    first = read_maps(process)
    content = process.read("maps")
    assert len(parse_maps(content)) == content.count(b"\n")
    assert {mapping.path for mapping in first} >= {"[stack]", "[vdso]"}
    assert any(re.search(r"/libc[.-]", mapping.path) for mapping in first)
