"""The three streams of one thread that is stopped, or that an operator steps through."""

from __future__ import annotations

import _io

from ...streams import STDERR, STDOUT, Ownership, own_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ...streams import StandIns

_NUMBERS = {"stdout": STDOUT, "stderr": STDERR}


class ThreadStreams:
    """From the first `stopped` on, which that thread calls, until `leave`, which any may call."""

    def __init__(self, stand_ins: StandIns, ident: Callable[[], int], put: Callable[[int, bytes], None]) -> None:
        self.ident = ident()
        #: has it come to this prompt by steps, whose output the operator has seen?
        self.was_stepping = False
        self._stand_ins = stand_ins
        self._own_ident = ident
        self._put = put
        #: what it would meet without us; the thread of a run has streams of its own already
        self._underneath: Any = None
        self._own: dict[str, Any] = {}
        self._is_own: Ownership | None = None
        #: (the program's stream, what shows the operator what is written to it)
        self._besides: list[tuple[Any, Any]] = []
        self._stepping = self._sharing = False

    def stopped(self, ask: Callable[[], str]) -> None:
        """It meets the operator's streams, made anew for each prompt, since the operator may close them."""
        before = self._stand_ins.enter(self)
        if before is not self:
            self._underneath = before
        self.was_stepping, self._stepping = self._stepping, False
        self._is_own = Ownership(self._own_ident)
        instead = self._stand_ins.originals()
        if self._underneath is not None:
            instead = {name: self._underneath.get(name, stream) for name, stream in instead.items()}
        self._own = dict(own_streams(self._put, self._is_own, instead), stdin=Input(ask, self._is_own))

    def goes_on(self, stepping: bool) -> None:
        """It meets the program's; if `stepping`, what it writes is shown as well. Who kept ours writes to those."""
        if self._is_own is not None:
            self._is_own.end()
        self._is_own = Ownership(self._own_ident) if stepping else None
        self._own = {}
        self._stepping = stepping

    def leave(self) -> None:
        self.goes_on(False)
        self._stand_ins.leave(self.ident, self._underneath)
        for _, beside in self._besides:
            object.__setattr__(beside, "_live_attach_share", self._stand_ins.classes["alone"])

    def get(self, name: str, instead: Any) -> Any:
        """What this thread meets now as ``sys.NAME``, where others meet `instead`. See `StandIns.enter`."""
        if self._underneath is not None:
            instead = self._underneath.get(name, instead)
        if name in self._own:
            return self._own[name]
        return self._beside(_NUMBERS[name], instead) if self._stepping and name in _NUMBERS else instead

    def _beside(self, number: int, stream: Any) -> Any:
        for known, beside in self._besides:
            if known is stream:
                return beside

        def share(data: Any, write: Callable[[Any], Any]) -> Any:
            return self._share(number, data, write)

        beside = self._stand_ins.classes["Beside"](self._stand_ins.classes["always"](stream), share)
        self._besides.append((stream, beside))
        return beside

    def _share(self, number: int, data: Any, write: Callable[[Any], Any]) -> Any:
        """Show `data` to the operator and write it; what `write` returns or raises is the program's."""
        if self._sharing or not self._stepping or self._is_own is None or not self._is_own():
            return write(data)  # else one stream that writes to another would show it twice
        self._sharing = True
        try:
            self._show(number, data)
            return write(data)
        finally:
            self._sharing = False

    def _show(self, number: int, data: Any) -> None:
        try:
            if isinstance(data, str):
                data = data.encode("utf-8", "backslashreplace")
            self._put(number, bytes(memoryview(data)))
        except Exception:  # no memory, or nothing that can be written, which the program is about to be told
            pass


class Input(_io._TextIOBase):
    """Lines that the operator is asked for, by this thread while `is_own`; at its end otherwise."""

    encoding, errors, mode, name = "utf-8", "strict", "r", "<stdin>"

    def __init__(self, ask: Callable[[], str], is_own: Callable[[], bool]) -> None:
        self._ask = ask
        self._is_own = is_own

    def readable(self) -> bool:
        return True

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        return self._ask() if self._is_own() else ""

    def read(self, size: int | None = -1, /) -> str:
        return "".join(iter(self.readline, "")) if size is None or size < 0 else self.readline()
