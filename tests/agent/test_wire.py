"""The packing that both sides share."""

from coverage.numbits import nums_to_numbits
from hypothesis import given
from hypothesis import strategies as st

from attach_agent import wire


@given(st.sets(st.integers(0, 5000)))
def test_lines_survive_packing(lines):
    """Unpacking gives the very lines that were packed."""
    assert wire.unpack_lines(wire.pack_lines(lines)) == lines


@given(st.sets(st.integers(0, 5000), min_size=1))
def test_packed_as_coverage_packs(lines):
    """The packed form is coverage.py's numbits."""
    assert wire.pack_lines(lines) == nums_to_numbits(lines)


@given(st.sets(st.tuples(st.integers(-0xFFFFFFF, 0xFFFFFFF), st.integers(-0xFFFFFFF, 0xFFFFFFF))))
def test_arcs_survive_packing(arcs):
    """Unpacking gives the very arcs that were packed, the ways in and out among them."""
    packed = wire.pack_arcs({wire.arc(start, end) for start, end in arcs})
    assert {wire.arc_ends(number) for number in wire.unpack_arcs(packed)} == arcs


@given(st.lists(st.integers(-0xFFFFFFF, 0xFFFFFFF), min_size=2, max_size=60))
def test_trails_survive_packing(lines):
    """Unpacking gives the very lines, in their order, and a trail is no arc."""
    (number,) = wire.unpack_arcs(wire.pack_arcs({wire.trail(lines)}))
    assert wire.is_trail(number) and not wire.is_trail(wire.arc(*lines[:2]))
    assert wire.trail_lines(number) == lines
    assert wire.trail_lines(wire.arc(*lines[:2])) == lines[:2]
