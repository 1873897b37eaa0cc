"""The operator's client against agents that are slow, old, damaged or hostile."""

import socket
import struct
import threading

import pytest
from rpyc.core import brine, consts

from attach.channel.connection import AgentConnection, RemoteError
from attach.errors import AgentFailed, AgentMismatch, AgentUnreachable
from attach_agent import wire

HELLO = f"live-attach {wire.PROTOCOL} {wire.__version__} {0x030C01F0} cpython 4711 99 cb0d0d0a 1\n".encode()
ROOT = ("attach_agent.Service", 1, 1)


class Peer(threading.Thread):
    """A process at the other end of the channel that does what it likes."""

    def __init__(self, play):
        super().__init__()
        self.ours, self.theirs = socket.socketpair()
        self.play = play
        self.seen = []

    def run(self):
        with self.theirs:
            try:
                self.play(self)
            except (EOFError, OSError):
                pass

    def receive(self):
        """One frame of the operator's: (kind, seq, arguments)."""
        size, compressed = struct.unpack("!LB", self.exactly(5))
        assert not compressed
        data = self.exactly(size + 1)[:-1]
        seq, args = brine.load(data[1:])
        self.seen.append((data[0], args))
        return data[0], seq, args

    def exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.theirs.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def send(self, kind, seq, args):
        data = bytes([kind]) + brine.dump((seq, args))
        self.theirs.sendall(struct.pack("!LB", len(data), 0) + data + b"\n")

    def reply(self, seq, value):
        self.send(consts.MSG_REPLY, seq, (consts.LABEL_VALUE, value))


def introduce(peer, answer):
    """Behave until the operator calls a method, then do `answer`."""
    peer.theirs.sendall(HELLO)
    while True:
        _, seq, (handler, args) = peer.receive()
        if handler == consts.HANDLE_GETROOT:
            peer.send(consts.MSG_REPLY, seq, (consts.LABEL_REMOTE_REF, ROOT))
        elif handler == consts.HANDLE_GETATTR:
            peer.send(consts.MSG_REPLY, seq, (consts.LABEL_REMOTE_REF, ("attach_agent.Method", 2, 1)))
        elif handler == consts.HANDLE_INSPECT:
            peer.reply(seq, (("__call__", ""),) if args[1][0][1] == 2 else (("status", ""),))
        elif handler == consts.HANDLE_CLOSE:
            return
        elif handler == consts.HANDLE_CALL:
            answer(peer, seq)
        else:
            peer.reply(seq, None)


def hang(peer, _seq):
    """Take whatever comes and answer nothing."""
    while peer.theirs.recv(65536):
        pass
    raise EOFError


@pytest.fixture
def connect():
    """Connect to a peer that plays a part; everything is over when the test is."""
    peers = []

    def connect(play, timeout=5.0):
        peer = Peer(play)
        peers.append(peer)
        peer.start()
        return peer, AgentConnection(peer.ours, 4711, timeout=timeout)

    yield connect
    for peer in peers:
        peer.ours.close()
        peer.join(10)
        assert not peer.is_alive()


def hello_of(text):
    def play(peer):
        peer.theirs.sendall(text)
        peer.theirs.shutdown(socket.SHUT_WR)
        while peer.theirs.recv(100):
            pass

    return play


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\n",
        HELLO[:20],
        b"x" * 10_000,
        HELLO.replace(b"99", b"ninety"),
        b"\xff\xfe\n",
        b"\n",
    ],
)
def test_no_agent_of_ours(connect, text):
    """Whatever answers instead of an agent is a plain error."""
    with pytest.raises(AgentUnreachable):
        connect(hello_of(text))


def test_other_protocol(connect):
    """An agent of another protocol is named with both versions and left alone."""
    with pytest.raises(AgentMismatch, match="version 0"):
        connect(
            hello_of(HELLO.replace(f"live-attach {wire.PROTOCOL} {wire.__version__}".encode(), b"live-attach 99 0.0.7"))
        )


def test_silence(connect):
    """An agent that says nothing is given up after the timeout."""
    with pytest.raises(AgentUnreachable, match=r"0\.3 s"):
        connect(lambda peer: peer.theirs.recv(1), timeout=0.3)


def test_failed_delivery(connect):
    """What the target says of an agent that does not load is brought back."""

    def play(peer):
        peer.theirs.sendall(HELLO[:-2] + b"0\n")
        peer.exactly(struct.unpack("!I", peer.exactly(4))[0])
        peer.theirs.sendall(b"error MemoryError: no room\n")

    with pytest.raises(AgentFailed, match="MemoryError: no room"):
        connect(play)


def test_exceptions_are_data(connect):
    """An exception that claims to be SystemExit, or has attributes to set, arrives as text."""

    def answer(peer, seq):
        exception = (("builtins", "SystemExit"), ("slug", "words"), (("__class__", "x"), ("code", 3)), "traceback")
        peer.send(consts.MSG_EXCEPTION, seq, exception)

    _, connection = connect(lambda peer: introduce(peer, answer))
    with pytest.raises(RemoteError) as caught:
        connection.call("status")
    assert (caught.value.slug, caught.value.message) == ("slug", "words")
    connection.close()


def test_senseless_exceptions(connect):
    """An exception without the expected form is an agent's failure, not a crash of ours."""
    _, connection = connect(
        lambda peer: introduce(peer, lambda peer, seq: peer.send(consts.MSG_EXCEPTION, seq, (1, 2)))
    )
    with pytest.raises(AgentFailed, match="no sense"):
        connection.call("status")
    connection.close()


def test_foreign_references_are_refused(connect):
    """A reference to a class of the sender's choice is not taken: no proxy class is made for it."""

    def answer(peer, seq):
        peer.send(consts.MSG_REPLY, seq, (consts.LABEL_REMOTE_REF, ("builtins.type", 7, 8)))

    _, connection = connect(lambda peer: introduce(peer, answer))
    with pytest.raises(AgentUnreachable):
        connection.call("status")
    connection.close()


@pytest.mark.parametrize(
    "request_",
    [
        (consts.HANDLE_GETROOT, ()),
        (consts.HANDLE_GETATTR, ((consts.LABEL_VALUE, "x"), (consts.LABEL_VALUE, "y"))),
        (consts.HANDLE_CALL, ((consts.LABEL_VALUE, "x"), (consts.LABEL_VALUE, ()), (consts.LABEL_VALUE, ()))),
        (consts.HANDLE_PICKLE, ((consts.LABEL_VALUE, "x"), (consts.LABEL_VALUE, 2))),
        (consts.HANDLE_DIR, ((consts.LABEL_VALUE, "x"),)),
    ],
)
def test_requests_from_the_target_are_refused(connect, request_):
    """RPyC is symmetric, the operator is not: what a hostile target asks for is not served."""
    refused = threading.Event()

    def answer(peer, seq):
        handler, args = request_
        peer.send(consts.MSG_REQUEST, 1000, (handler, (consts.LABEL_TUPLE, args)))
        kind, _, _ = peer.receive()
        if kind == consts.MSG_EXCEPTION:
            refused.set()
        peer.reply(seq, ())

    _, connection = connect(lambda peer: introduce(peer, answer))
    assert connection.call("status") == ()
    assert refused.is_set()
    connection.close()


@pytest.mark.parametrize("header", [struct.pack("!LB", 0xFFFFFFFF, 0), struct.pack("!LB", 100, 1)])
def test_frames_are_bounded(connect, header):
    """A frame of four gigabytes, or a compressed one, ends the connection before it is read."""
    _, connection = connect(lambda peer: introduce(peer, lambda peer, _seq: peer.theirs.sendall(header + b"x" * 200)))
    with pytest.raises(AgentUnreachable):
        connection.call("status")
    connection.close()


def test_the_target_dies_in_a_call(connect):
    """A connection that ends in the middle of a call is an error that says so."""
    _, connection = connect(lambda peer: introduce(peer, lambda peer, _seq: peer.theirs.shutdown(socket.SHUT_RDWR)))
    with pytest.raises(AgentUnreachable, match="channel broke"):
        connection.call("status")
    connection.close()


def test_no_answer_in_time(connect):
    """A call that is never answered ends after the timeout and says what may hold it up."""
    _, connection = connect(lambda peer: introduce(peer, hang), timeout=0.3)
    with pytest.raises(AgentUnreachable, match="GIL"):
        connection.call("status")
    connection.close()
