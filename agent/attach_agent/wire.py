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
    """Arcs and trails, each one number as `arc` and `trail` make it: in hexadecimal, sorted, between spaces.

    So two packed sets are merged by putting a space between them.
    """
    return b" ".join([b"%x" % number for number in sorted(arcs)])


def unpack_arcs(packed):
    # type: (bytes) -> set[int]
    """The inverse of `pack_arcs`. Raises ValueError if that cannot have packed it."""
    if packed.translate(None, b"0123456789abcdef "):
        raise ValueError("not a set of arcs")
    return {int(number, 16) for number in packed.split()}


#: Bits of a line number in an arc, and of a whole arc: two lines, then whether the one or the other is negative.
LINE_BITS = 28
_LINE = (1 << LINE_BITS) - 1
ARC_BITS = 2 * LINE_BITS + 2


def arc(start, end):
    # type: (int, int) -> int
    """The step from one line to another as one number, as coverage.py's C tracer has it (ctracer/tracer.c, since 2026).

    A negative line stands for the way into or out of the code that begins there.
    """
    return abs(start) | abs(end) << LINE_BITS | (start < 0) << 2 * LINE_BITS | (end < 0) << 2 * LINE_BITS + 1


def arc_ends(number):
    # type: (int) -> tuple[int, int]
    """The inverse of `arc`; the ends of the first step of a `trail`."""
    start, end = number & _LINE, number >> LINE_BITS & _LINE
    return -start if number >> 2 * LINE_BITS & 1 else start, -end if number >> 2 * LINE_BITS + 1 & 1 else end


def trail(lines):
    # type: (list[int]) -> int
    """Where a branch led, as one number: the line of the branch, and the lines of what follows, in their order.

    The second is 0 if the first instruction there has no line. The last is negative if the code ends there, as in
    `arc`. Only who knows the source can tell which of the lines is the first of another statement.
    """
    rest = 1  # marks the end: a trail is a number that is longer than an arc
    for line in reversed(lines[2:]):
        rest = rest << LINE_BITS + 1 | abs(line) << 1 | (line < 0)
    return rest << ARC_BITS | arc(lines[0], lines[1])


def trail_lines(number):
    # type: (int) -> list[int]
    """The inverse of `trail`; the two ends of an arc."""
    lines = list(arc_ends(number))
    rest = number >> ARC_BITS
    while rest > 1:
        lines.append(-(rest >> 1 & _LINE) if rest & 1 else rest >> 1 & _LINE)
        rest >>= LINE_BITS + 1
    return lines


def is_trail(number):
    # type: (int) -> bool
    return number >> ARC_BITS != 0
