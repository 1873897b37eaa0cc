"""What stops any thread that comes to it."""

from __future__ import annotations

import gc
import sys

from ...errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

_TOOL = 3


class Breakpoints:
    """Lines of functions, by events of their code alone; Python 3.12 and later."""

    def __init__(
        self,
        importer: Any,
        pause: Callable[[float], object],
        on_line: Callable[[FrameType, str, Any], Any],
        on_exception: Callable[[FrameType, BaseException], None],
    ) -> None:
        self._on_line = on_line
        self._armed: set[tuple[str, int]] = set()
        self._codes: list[CodeType] = []

    def place(self, filename: str, line: int) -> tuple[str, int]:
        """The file as code knows it, and the line; AgentError if there is no code."""
        for code in self._functions():
            if code.co_filename.endswith(filename):
                return code.co_filename, line
        raise AgentError("breakpoint", "no function of %s is loaded" % filename)

    def arm(self, filename: str, line: int, code: CodeType | None = None) -> int:
        if sys.version_info < (3, 12):
            raise AgentError("breakpoint", "not before Python 3.12")
        monitoring: Any = getattr(sys, "monitoring")  # noqa: B009
        if not self._armed:
            monitoring.use_tool_id(_TOOL, "live-attach")
            monitoring.register_callback(_TOOL, monitoring.events.LINE, self._line)
        self._armed.add((filename, line))
        found = [code for code in self._functions() if code.co_filename == filename]
        for one in found:
            monitoring.set_local_events(_TOOL, one, monitoring.events.LINE)
        self._codes += found
        monitoring.restart_events()
        return len(found)

    def _functions(self) -> list[CodeType]:
        return [item.__code__ for item in gc.get_objects() if type(item) is type(main)]

    def _line(self, code: CodeType, line: int) -> Any:
        if (code.co_filename, line) in self._armed:
            self._on_line(sys._getframe(1), "line", None)
            return None
        monitoring: Any = getattr(sys, "monitoring")  # noqa: B009
        return monitoring.DISABLE

    def disarm(self, filename: str, line: int, code: CodeType | None = None) -> None:
        self._armed.discard((filename, line))
        if not self._armed:
            self.close()

    def arm_function(self, module: str, qualname: str) -> tuple[str, int] | None:
        raise AgentError("breakpoint", "%s:%s is not found" % (module, qualname))

    def arm_exceptions(self, name: str) -> None:
        raise AgentError("breakpoint", "%s is not found" % name)

    def first_line(self, filename: str, line: int) -> int:
        """The first line of the body of the function whose definition begins at this line."""
        for code in self._functions():
            if code.co_filename == filename and code.co_firstlineno == line:
                return min(n for _, _, n in code.co_lines() if n is not None and n > line)
        return line

    def expected_slowdown(self) -> str:
        return ""

    def close(self) -> None:
        codes, self._codes = self._codes, []
        self._armed.clear()
        if codes:
            monitoring: Any = getattr(sys, "monitoring")  # noqa: B009
            for code in codes:
                monitoring.set_local_events(_TOOL, code, 0)
            monitoring.register_callback(_TOOL, monitoring.events.LINE, None)
            monitoring.free_tool_id(_TOOL)


def main() -> None:
    """The type of functions is that of this one."""
