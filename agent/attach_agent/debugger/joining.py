"""The program's own ``breakpoint()`` and ``pdb.set_trace()`` join an operator's session while there is one.

Only ``pdb.set_trace`` is replaced: ``sys.breakpointhook`` looks it up at each call, unless PYTHONBREAKPOINT says
something else or the program has a hook of its own (Python/sysmodule.c, sys_breakpointhook); that stays as it is.
Who kept the function from before, or uses a Pdb of its own, calls that.
"""

from __future__ import annotations

import sys

from ..streams import stand_ins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


class Joining:
    """From `open` to `close`."""

    def __init__(self, importer: Any, session: Any) -> None:
        self._classes = stand_ins(importer).classes
        self._session = session
        #: (name in pdb, our stand-in, what was there)
        self._placed: list[tuple[str, Any, Any]] = []

    def open(self) -> None:
        functions = {"set_trace": self._set_trace, "set_trace_async": self._set_trace_async}  # that one since 3.14
        for name, function in functions.items():
            before = self._names().get(name)
            while type(before) is self._classes["Function"]:  # of an earlier session, put back by somebody
                before = before._live_attach()
            if before is not None:
                stand_in = self._classes["Function"](self._classes["always"](function))
                self._placed.append((name, stand_in, before))
                self._names()[name] = stand_in

    def close(self) -> None:
        """Put back what was there, unless somebody else has replaced ours; who kept ours calls that."""
        while self._placed:
            name, stand_in, before = self._placed.pop()
            stand_in._live_attach = self._classes["always"](before)
            if self._names().get(name) is stand_in:
                self._names()[name] = before

    def _names(self) -> Any:
        return self._session.modules["pdb"].__dict__

    def _set_trace(self, *_: Any, header: str | None = None, commands: Any = None, **_options: Any) -> None:
        self._join(sys._getframe(1), header, commands)

    async def _set_trace_async(self, *_: Any, header: str | None = None, commands: Any = None, **_options: Any) -> None:
        self._join(sys._getframe(1), header, commands)

    def _join(self, frame: FrameType, header: str | None, commands: Any) -> None:
        """Stop at `frame`, or go on at once: while another thread is stopped, or in what the operator evaluates.

        What pdb would do then is to read commands from a terminal that a server has not got.
        """
        session = self._session

        def stop() -> None:
            if session.stopped_in() in (0, session.ident()):
                if header is not None:
                    session.put("out", "%s\n" % header)
                if commands:
                    session.pdb.rcLines.extend(commands)
            session.join(frame)

        untraced(stop)


def untraced(function: Callable[[], None]) -> None:
    """Call it as a trace function is called, with all tracing of this thread off: no coverage measures what it runs.

    It is not called if that is so already.
    """
    raised: list[BaseException] = []
    before = sys.gettrace()

    def once(*_: Any) -> None:
        sys.settrace(before)
        try:
            function()
        except BaseException as error:  # out of a trace function it would end all tracing of the thread
            raised.append(error)

    once.live_attach = before  # type: ignore[attr-defined]  # for who looks at the threads of the process

    def event() -> None:
        """Its call is one."""

    sys.settrace(once)
    try:
        event()
    finally:
        if sys.gettrace() is once:
            sys.settrace(before)
    if raised:
        raise raised.pop()
