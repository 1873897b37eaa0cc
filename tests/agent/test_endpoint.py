"""The agent's endpoint against the real rpyc library."""

import socket
import struct
import threading

import pytest
import rpyc
from hypothesis import example, given
from hypothesis import strategies as st
from rpyc.core import brine
from rpyc.core.channel import Channel
from rpyc.core.stream import SocketStream

from attach_agent import endpoint
from attach_agent.errors import AgentError

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**60), 10**60) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=300).map(tuple),
    max_leaves=30,
)


#: every tag of brine, and what lengths and single bytes look like
TAGS = [*range(0x20), 0x50, 0xEF, 0xFF]


def dumped(value):
    parts = []
    endpoint.dump(value, parts.append)
    return b"".join(parts)


@given(plain)
def test_writes_brine(value):
    """What the endpoint writes, rpyc reads as the same value."""
    assert brine.load(dumped(value)) == value


@given(plain)
def test_reads_brine(value):
    """What rpyc writes, the endpoint reads as the same value, to the last byte."""
    data = brine.dump(value)
    assert endpoint.load(data) == (value, len(data))


@example(b"\x08\x00")
@given(st.binary(max_size=200) | st.lists(st.sampled_from(TAGS)).map(bytes))
def test_damaged_brine_is_refused(data):
    """Any bytes at all give a value or a plain error, soon and without deep recursion."""
    try:
        endpoint.load(data)
    except (ValueError, IndexError, struct.error, UnicodeDecodeError):
        pass


@pytest.mark.parametrize("size", [1, 5, 255, 256, 65536, 5_000_000])
def test_long_values(size):
    """Every width of a length field is read and written as rpyc does."""
    value = (b"x" * size, "y" * size)
    assert dumped(value) == brine.dump(value)
    assert endpoint.load(dumped(value))[0] == value


def test_deep_brine_is_refused():
    """Nesting is bounded before Python's recursion limit is."""
    with pytest.raises(ValueError, match="deep"):
        endpoint.load(b"\x10" * 100_000)


def test_huge_lengths_are_refused():
    """A length beyond the data is an error at once, not an allocation."""
    with pytest.raises((ValueError, IndexError)):
        endpoint.load(b"\x0f\xff\xff\xff\xff")
    with pytest.raises((ValueError, IndexError)):
        endpoint.load(b"\x15\xff\xff\xff\xff")
    with pytest.raises((ValueError, IndexError)):
        endpoint.load(b"\x17\xff\xff\xff\xff")


def refuse():
    raise AgentError("some-slug", "said in words")


@pytest.fixture
def client():
    """An unmodified rpyc client, connected to an endpoint in another thread."""
    ours, theirs = socket.socketpair()
    methods = {
        "echo": lambda *args, **kwargs: (args, tuple(sorted(kwargs.items()))),
        "divide": lambda a, b: a / b,
        "refuse": refuse,
    }

    def serve():
        with theirs:
            try:
                endpoint.Endpoint(theirs, methods).serve()
            except (EOFError, OSError, ValueError):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    connection = rpyc.VoidService()._connect(Channel(SocketStream(ours), compress=False), {})
    yield connection
    connection.close()
    thread.join(5)
    assert not thread.is_alive()


def test_methods_of_the_root(client):
    """conn.root.name(...) calls the method with plain values and brings its result."""
    assert client.root.echo(1, "two", b"three", (4.0, None), five=5) == (
        (1, "two", b"three", (4.0, None)),
        (("five", 5),),
    )
    assert client.root.echo(b"x" * 3_000_000)[0] == (b"x" * 3_000_000,)


def test_ping(client):
    """The endpoint answers rpyc's ping."""
    client.ping()


def test_exceptions_are_answers(client):
    """An exception in a method reaches the caller and the connection goes on."""
    with pytest.raises(Exception, match="division by zero"):
        client.root.divide(1, 0)
    with pytest.raises(Exception, match="said in words"):
        client.root.refuse()
    assert client.root.divide(4, 2) == 2


def test_unknown_names_do_not_exist(client):
    """Nothing but the methods can be reached: no attributes, no dunder names, no setting."""
    for name in ("nothing", "__class__", "__dict__", "_methods"):
        with pytest.raises(Exception, match=name.strip("_")):
            client.sync_request(rpyc.core.consts.HANDLE_GETATTR, client.root, name)
    with pytest.raises(Exception, match="not served"):
        client.sync_request(rpyc.core.consts.HANDLE_SETATTR, client.root, "echo", 1)
    with pytest.raises(Exception, match="not served"):
        client.sync_request(rpyc.core.consts.HANDLE_PICKLE, client.root, 2)


def test_references_are_refused(client):
    """An argument that is not a plain value never gets in."""
    with pytest.raises(Exception, match="reference"):
        client.root.echo(object())


def test_compressed_frames_end_the_connection():
    """A frame with the compression flag, which no operator of ours sends, is not unpacked."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(struct.pack("!LB", 10, 1) + b"0123456789\n")
        with pytest.raises(ValueError, match="frame"):
            endpoint.Endpoint(theirs, {}).serve()


def test_huge_frames_end_the_connection():
    """A frame larger than the bound is refused before a byte of it is read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(struct.pack("!LB", 0xFFFFFFFF, 0))
        with pytest.raises(ValueError, match="frame"):
            endpoint.Endpoint(theirs, {}).serve()
