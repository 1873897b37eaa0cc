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
