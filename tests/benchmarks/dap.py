"""The least that a client of debugpy has to say: the Debug Adapter Protocol over a socket."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any


class Client:
    """Attached to the debugpy that listens on `port`; `start` sets one breakpoint and lets the program run."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._stream = self._socket.makefile("rb")
        self._number = 0
        self._news = threading.Condition()
        self._answered: set[int] = set()
        self._events: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, path: str, line: int) -> None:
        """Break at the line of that file."""
        self._wait_for(self._send("initialize", clientID="bench", adapterID="debugpy", pathFormat="path"))
        attached = self._send("attach", justMyCode=False)
        self._wait_for_event("initialized")
        breakpoints = self._send("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}])
        self._wait_for(breakpoints)
        self._wait_for(self._send("configurationDone"))
        self._wait_for(attached)

    def close(self) -> None:
        """Leave; the program goes on."""
        self._wait_for(self._send("disconnect", terminateDebuggee=False))
        self._socket.close()

    def _send(self, command: str, **arguments: Any) -> int:
        self._number += 1
        message = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return self._number

    def _read(self) -> None:
        while True:
            size = 0
            try:
                while (header := self._stream.readline()).strip():
                    name, _, value = header.partition(b":")
                    size = int(value) if name.lower() == b"content-length" else size
                message = json.loads(self._stream.read(size)) if size else None
            except (OSError, ValueError):
                return
            if message is None:
                return
            with self._news:
                if message["type"] == "response":
                    self._answered.add(message["request_seq"])
                elif message["type"] == "event":
                    self._events.append(message["event"])
                self._news.notify_all()

    def _wait_for(self, number: int) -> None:
        with self._news:
            if not self._news.wait_for(lambda: number in self._answered, timeout=60):
                raise TimeoutError(f"debugpy does not answer request {number}")

    def _wait_for_event(self, name: str) -> None:
        with self._news:
            if not self._news.wait_for(lambda: name in self._events, timeout=60):
                raise TimeoutError(f"debugpy does not say {name}")
