"""What both sides of the channel agree on: versions, names and the packing of values.

This is the only module that the operator's library and the agent share. It has no imports, so that it can be loaded
first, anywhere.
"""

__version__ = "0.1.0"

#: Raised whenever a hello line, a method or a packed value changes its meaning.
PROTOCOL = 1

#: Name of the memfd that marks an attached process; /proc/PID/fd shows it as ``/memfd:live-attach:...``.
MEMFD_PREFIX = "live-attach:"


def pack_lines(lines):
    # type: (set[int] | frozenset[int]) -> bytes
    """Line numbers as one bit each: line *n* is bit ``n % 8`` of byte ``n // 8``.

    This is coverage.py's own "numbits" layout (coverage/numbits.py), so that packed sets can be merged with ``|``.
    """
    if not lines:
        return b""
    size = max(lines) // 8 + 1
    # as the digits of a binary number, the last one first: half the time of setting bits one by one
    digits = bytearray(b"0") * (8 * size)
    for line in lines:
        digits[~line] = 49
    return int(bytes(digits), 2).to_bytes(size, "little")


def unpack_lines(numbits):
    # type: (bytes) -> set[int]
    """The inverse of `pack_lines`."""
    lines = set()
    for index, byte in enumerate(numbits):
        if byte:
            base = index << 3
            for bit in range(8):
                if byte & (1 << bit):
                    lines.add(base + bit)
    return lines


def pack_arcs(arcs):
    # type: (set[int] | frozenset[int]) -> bytes
    """Arcs, each one number as `arc` makes it, in six bytes each, little-endian, sorted."""
    return b"".join([number.to_bytes(6, "little") for number in sorted(arcs)])


def unpack_arcs(packed):
    # type: (bytes) -> set[int]
    """The inverse of `pack_arcs`."""
    return {int.from_bytes(packed[at : at + 6], "little") for at in range(0, len(packed), 6)}


def arc(start, end):
    # type: (int, int) -> int
    """The step from one line to another as one number, as coverage.py's C tracer has it (ctracer/tracer.c).

    A negative line stands for the way into or out of the code that begins there.
    """
    return abs(start) | abs(end) << 20 | (start < 0) << 40 | (end < 0) << 41


def arc_ends(number):
    # type: (int) -> tuple[int, int]
    """The inverse of `arc`."""
    start, end = number & 0xFFFFF, number >> 20 & 0xFFFFF
    return -start if number >> 40 & 1 else start, -end if number >> 41 & 1 else end
