"""The operator's end of a channel: the hello line, the agent's delivery, and a distrustful RPyC client.

RPyC is symmetric, and the process at the other end may be hostile while the operator is root. So requests from there
are served for PING, CLOSE and DEL alone, references are accepted to the service and its methods alone, exceptions are
data and never become Python classes of the sender's choice, and sizes are bounded.
"""

import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rpyc.core import consts
from rpyc.core.channel import Channel
from rpyc.core.netref import BaseNetref
from rpyc.core.protocol import Connection
from rpyc.core.service import VoidService
from rpyc.core.stream import SocketStream

from attach.channel import payload
from attach.errors import AgentFailed, AgentMismatch, AgentUnreachable
from attach_agent import wire

LARGEST_FRAME = 1 << 26
SERVICE_CLASSES = ("attach_agent.Service", "attach_agent.Method")


def quiet(_line: str) -> None:
    """The log of those who want none."""


def as_dict(pairs: Any) -> dict[str, Any]:
    """What the agent sends instead of a dictionary: pairs of name and value."""
    return {str(name): value for name, value in pairs}


@dataclass(frozen=True)
class Hello:
    """The agent's first line: who answers."""

    protocol: int
    agent_version: str
    hexversion: int
    implementation: str
    pid: int
    start_time: int
    magic: bytes
    loaded: bool

    @property
    def python(self) -> tuple[int, int, int]:
        return self.hexversion >> 24, self.hexversion >> 16 & 0xFF, self.hexversion >> 8 & 0xFF


class RemoteError(Exception):
    """An exception that the agent sent: `slug` and `message` are the target's text, escaped by whoever shows them."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(slug, message)
        self.slug = slug
        self.message = message


class _BoundedChannel(Channel):  # type: ignore[misc]  # rpyc is untyped
    """Frames of bounded size, never compressed."""

    def __init__(self, stream: SocketStream) -> None:
        super().__init__(stream, compress=False)

    def recv(self) -> bytes:
        length, compressed = self.FRAME_HEADER.unpack(self.stream.read(self.FRAME_HEADER.size))
        if compressed or length > LARGEST_FRAME:
            raise EOFError("a frame that no agent of ours sends")
        data: bytes = self.stream.read(length + 1)[:-1]
        return data


class _Client(Connection):  # type: ignore[misc]
    """rpyc's Connection with everything taken away that a hostile peer could use."""

    @classmethod
    def _request_handlers(cls) -> dict[int, Callable[..., Any]]:
        handlers = super()._request_handlers()
        return {kind: handlers[kind] for kind in (consts.HANDLE_PING, consts.HANDLE_CLOSE, consts.HANDLE_DEL)}

    def _netref_factory(self, id_pack: tuple[str, int, int]) -> BaseNetref:
        if id_pack[0] not in SERVICE_CLASSES:
            raise ValueError("a reference to something that is not the service")
        return super()._netref_factory(id_pack)

    def _unbox_exc(self, raw: Any) -> RemoteError:
        try:
            _, (slug, message), _, _ = raw
        except (TypeError, ValueError):
            slug, message = "agent-failed", "the agent sent an exception that makes no sense"
        return RemoteError(str(slug)[:100], str(message)[:10_000])


class AgentConnection:
    """One operator's channel to one agent. ``call("name", ...)`` is ``conn.root.name(...)``."""

    def __init__(self, sock: socket.socket, pid: int, *, timeout: float) -> None:
        """Shake hands over a fresh channel and deliver the agent if it is not there yet.

        Raises AgentUnreachable if nobody answers within `timeout` seconds, AgentMismatch for another protocol.
        """
        self.pid = pid
        #: Seconds within which an answer is expected.
        self.timeout = timeout
        self._sock = sock
        sock.settimeout(timeout)
        try:
            self.hello = self._read_hello()
            if not self.hello.loaded:
                self._deliver()
        except TimeoutError:
            sock.close()
            raise AgentUnreachable(pid, f"it did not answer within {timeout:g} s") from None
        except (OSError, EOFError) as error:
            sock.close()
            raise AgentUnreachable(pid, str(error) or "it closed the channel") from None
        except BaseException:
            sock.close()
            raise
        sock.settimeout(None)
        config = {
            "allow_safe_attrs": False,
            "allow_exposed_attrs": False,
            "allow_getattr": False,
            "import_custom_exceptions": False,
            "instantiate_custom_exceptions": False,
            "include_local_traceback": False,
            "include_local_version": False,
            "log_exceptions": False,
            "sync_request_timeout": timeout,
            "close_catchall": True,
        }
        self._client = _Client(VoidService(), _BoundedChannel(SocketStream(sock)), config)

    def call(self, name: str, *args: Any) -> Any:
        """Call one of the agent's methods; plain values in, plain values out."""
        try:
            return getattr(self._client.root, name)(*args)
        except RemoteError as error:
            if error.slug == "agent-failed":
                raise AgentFailed(self.pid, error.message) from None
            raise
        except TimeoutError:
            raise AgentUnreachable(self.pid, "it does not answer; does a C call hold its GIL?") from None
        except (OSError, EOFError, ValueError, TypeError, AttributeError) as error:
            raise AgentUnreachable(self.pid, f"the channel broke ({error})") from None

    def load(self, part: str) -> None:
        """Deliver a part of the agent that was not needed so far, or only some of it, by another part."""
        if not self.call("loaded", *(f"attach_agent.{name}" for name in payload.PARTS[part])):
            self.call("load", payload.pack(part, self.hello.magic))

    def wait_without_limit(self) -> None:
        """From now on an answer may take as long as it takes; the end of the process still ends the waiting."""
        self._client._config["sync_request_timeout"] = None

    def abort(self) -> None:
        """Leave without a word, also in the middle of an answer."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._client.close()

    def close(self) -> None:
        """Leave; what was started goes on without us."""
        self._client.close()

    def finish(self) -> None:
        """Leave, and return when the agent has noticed, a second later at most."""
        with contextlib.suppress(OSError):
            self._sock.settimeout(1.0)
            self._sock.shutdown(socket.SHUT_WR)
            while self._sock.recv(4096):
                pass
        self._client.close()

    def _read_hello(self) -> Hello:
        words = self._read_line().split()
        if len(words) != 9 or words[0] != "live-attach":
            raise EOFError("it speaks another language")
        try:
            hello = Hello(
                protocol=int(words[1]),
                agent_version=words[2],
                hexversion=int(words[3]),
                implementation=words[4],
                pid=int(words[5]),
                start_time=int(words[6]),
                magic=bytes.fromhex(words[7]),
                loaded=words[8] == "1",
            )
        except ValueError:
            raise EOFError("its hello line is damaged") from None
        if hello.protocol != wire.PROTOCOL:
            raise AgentMismatch(self.pid, hello.agent_version, wire.__version__)
        return hello

    def _deliver(self) -> None:
        blob = payload.pack("core", self.hello.magic)
        self._sock.sendall(struct.pack("!I", len(blob)) + blob)
        answer = self._read_line()
        if answer != "ok":
            raise AgentFailed(self.pid, answer.removeprefix("error "))

    def _read_line(self) -> str:
        """Up to the newline and not a byte further: what follows is RPyC's."""
        line = bytearray()
        while len(line) < 8192:
            byte = self._sock.recv(1)
            if not byte:
                raise EOFError("it closed the channel")
            if byte == b"\n":
                return line.decode("utf-8", "replace")
            line += byte
        raise EOFError("its answer does not end")
