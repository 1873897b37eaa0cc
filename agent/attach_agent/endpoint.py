"""An RPyC 6 endpoint made of C modules only: it serves named methods with plain values, and nothing else.

Importing rpyc itself would cost the target some hundred modules and stalls of up to 36 ms. Its wire is small (rpyc
6.0: core/channel.py, core/brine.py, core/protocol.py): a frame is ``!LB`` (length, compressed?), data and a newline;
data is one byte for the kind of message and the brine of ``(seq, arguments)``. What is not written here (setting
attributes, references to objects, callbacks, pickle) does not exist, so nothing has to be forbidden.
"""

from __future__ import annotations

import _struct

from .errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Mapping
    from typing import Any

# rpyc/core/consts.py
MSG_REQUEST, MSG_REPLY, MSG_EXCEPTION = 1, 2, 3
LABEL_VALUE, LABEL_TUPLE, LABEL_LOCAL_REF, LABEL_REMOTE_REF = 1, 2, 3, 4
PING, CLOSE, GETROOT, GETATTR, CALL, CALLATTR, DEL, INSPECT = 1, 2, 3, 4, 7, 8, 15, 16

#: (class name, class id, object id), as rpyc identifies an object: the service, and one class for its methods
ROOT = ("attach_agent.Service", 1, 1)
METHOD_CLASS = "attach_agent.Method", 2

MSG_NOSIGNAL = 0x4000
LARGEST_FRAME = 1 << 26
DEEPEST = 50
LONGEST_INTEGER = 64

U1 = _struct.Struct("!B")
U4 = _struct.Struct("!L")
F8 = _struct.Struct("!d")
HEADER = _struct.Struct("!LB")


def dump(value: Any, out: Callable[[bytes], Any]) -> None:
    """Write the brine of a plain value, piece by piece, to `out`. TypeError if it is not plain."""
    kind = type(value)
    if value is None:
        out(b"\0")
    elif kind is bool:
        out(b"\3" if value else b"\4")
    elif kind is int:
        if -0x30 <= value < 0xA0:
            out(U1.pack(value + 0x50))
        else:
            digits = str(value).encode()
            out(
                b"\x16" + U1.pack(len(digits)) + digits
                if len(digits) < 256
                else b"\x17" + U4.pack(len(digits)) + digits
            )
    elif kind is float:
        out(b"\x18" + F8.pack(value))
    elif kind is bytes:
        dump_sized(value, 0x0A, b"\1", 0x0E, out)
        out(value)
    elif kind is str:
        out(b"\x08")
        dump(value.encode("utf-8", "surrogatepass"), out)
    elif kind is tuple:
        dump_sized(value, 0x10, b"\2", 0x14, out)
        for item in value:
            dump(item, out)
    else:
        raise TypeError("not a plain value: " + kind.__name__)


def dump_sized(value: bytes | tuple[Any, ...], tag1: int, tag0: bytes, tag: int, out: Callable[[bytes], Any]) -> None:
    """The tag of a sequence: one of its own for each length up to 4, then one with a byte, then one with four."""
    size = len(value)
    if size == 0:
        out(tag0)
    elif size < 5:
        out(U1.pack(tag1 + size - 1))
    elif size < 256:
        out(U1.pack(tag) + U1.pack(size))
    else:
        out(U1.pack(tag + 1) + U4.pack(size))


def load(data: bytes, at: int = 0, depth: int = 0) -> tuple[Any, int]:
    """Read one value of brine; returns it and where the next begins. ValueError or IndexError if it is damaged."""
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    tag = data[at]
    at += 1
    if 0x20 <= tag < 0xF0:
        return tag - 0x50, at
    if tag in SIMPLE:
        return SIMPLE[tag], at
    if tag == 0x08:
        text, at = load(data, at, depth + 1)
        if type(text) is not bytes:
            raise ValueError("a text that is no bytes")
        return text.decode("utf-8", "surrogatepass"), at
    if tag == 0x18:
        return F8.unpack_from(data, at)[0], at + 8
    size, at = load_size(data, at, tag)
    if 0x0A <= tag <= 0x0F or tag in (0x16, 0x17):
        if size > len(data) - at:
            raise ValueError("cut short")
        piece = data[at : at + size]
        if tag <= 0x0F:
            return piece, at + size
        if size > LONGEST_INTEGER:
            raise ValueError("an integer of %d digits" % size)
        return int(piece), at + size
    items = []
    for _ in range(size):
        item, at = load(data, at, depth + 1)
        items.append(item)
    return tuple(items), at


SIMPLE = {0x00: None, 0x01: b"", 0x02: (), 0x03: True, 0x04: False}


def load_size(data: bytes, at: int, tag: int) -> tuple[int, int]:
    if 0x0A <= tag <= 0x0D:
        return tag - 0x09, at
    if 0x10 <= tag <= 0x13:
        return tag - 0x0F, at
    if tag in (0x0E, 0x14, 0x16):
        return data[at], at + 1
    if tag in (0x0F, 0x15, 0x17):
        return U4.unpack_from(data, at)[0], at + 4
    raise ValueError("unknown tag %#x" % tag)


def unbox(package: Any) -> Any:
    """What rpyc's ``_box`` wrapped: values, tuples, and references to the two kinds of objects there are here."""
    label, value = package
    if label == LABEL_VALUE:
        return value
    if label == LABEL_TUPLE:
        return tuple([unbox(item) for item in value])
    if label == LABEL_LOCAL_REF and value[1] in (ROOT[1], METHOD_CLASS[1]):
        return value
    raise ValueError("a reference that was never given out")


def receive(sock: socket, size: int) -> bytes:
    parts = []
    while size:
        part = sock.recv(min(size, 1 << 16))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class Endpoint:
    """Answers one connection; `methods` maps the names that ``conn.root`` has to what they call."""

    def __init__(self, sock: socket, methods: Mapping[str, Callable[..., Any]]) -> None:
        self.sock = sock
        self.methods = methods
        self.names = sorted(methods)

    def serve(self) -> None:
        """Until the operator closes or is gone (EOFError, OSError)."""
        while True:
            size, compressed = HEADER.unpack(receive(self.sock, 5))
            if size > LARGEST_FRAME or compressed:
                raise ValueError("a frame that no operator of ours sends")
            data = receive(self.sock, size + 1)
            if data[0] != MSG_REQUEST:
                continue
            (seq, (handler, boxed)), _ = load(data, 1)
            if handler == CLOSE:
                return
            self.sock.sendall(self.frame(seq, handler, boxed), MSG_NOSIGNAL)

    def frame(self, seq: int, handler: int, boxed: Any) -> bytes:
        """The answer to one request; whatever goes wrong is an answer too."""
        parts: list[bytes] = [b"", U1.pack(MSG_REPLY)]
        try:
            dump((seq, self.answer(handler, unbox(boxed))), parts.append)
        except AgentError as error:
            parts[1:] = self.failure(seq, error.slug, error.message)
        except BaseException as error:
            parts[1:] = self.failure(seq, "agent-failed", "%s: %s%s" % (type(error).__name__, error, where(error)))
        parts[0] = HEADER.pack(sum(map(len, parts)), 0)
        parts.append(b"\n")
        return b"".join(parts)

    def failure(self, seq: int, slug: str, message: str) -> list[bytes]:
        """The form of rpyc/core/vinegar.py: (module, class), arguments, attributes, traceback."""
        message = message.encode("utf-8", "replace")[:4000].decode("utf-8", "ignore")
        parts = [U1.pack(MSG_EXCEPTION)]
        version = ("_remote_version", "<version denied>")
        dump((seq, (("attach_agent.errors", "AgentError"), (slug, message), (version,), "")), parts.append)
        return parts

    def answer(self, handler: int, args: tuple[Any, ...]) -> tuple[int, Any]:
        if handler == CALL:
            return self.call(self.names[args[0][2] - 1], *args[1:])
        if handler == CALLATTR:
            return self.call(*args[1:])
        if handler == GETATTR:
            if args[1] not in self.methods:
                raise AttributeError(args[1])
            return LABEL_REMOTE_REF, METHOD_CLASS + (self.names.index(args[1]) + 1,)
        if handler == GETROOT:
            return LABEL_REMOTE_REF, ROOT
        if handler == INSPECT:
            if args[0][1] == METHOD_CLASS[1]:
                return LABEL_VALUE, (("__call__", ""),)
            return LABEL_VALUE, tuple([(name, "") for name in self.names])
        if handler == PING:
            return LABEL_VALUE, args[0]
        if handler == DEL:
            return LABEL_VALUE, None
        raise ValueError("request %r is not served" % (handler,))

    def call(self, name: str, args: tuple[Any, ...] = (), kwargs: tuple[Any, ...] = ()) -> tuple[int, Any]:
        return LABEL_VALUE, self.methods[name](*args, **dict(kwargs))


def where(error: BaseException) -> str:
    """The innermost line of the agent in a traceback: what a bug report needs."""
    traceback = error.__traceback__
    place = ""
    while traceback is not None:
        place = " (%s:%d)" % (traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place
