"""Breakpoints: lines and exceptions at which the program's threads come to the debugger, at the least cost there is."""

from __future__ import annotations

import sys

from . import functions
from .armed import Armed
from .exceptions import Exceptions
from .files import canonical, find
from .finding import loaded_code, need_code, with_nested
from .lines import first_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any


class Breakpoints:
    """One per session; made in a thread of the agent's, which is not traced. Changed by one thread at a time.

    `on_line(frame, "line", None)` is called in whatever thread comes to an armed line, before that line runs. Before
    Python 3.12 it returns what traces the frame from then on. `on_exception(frame, exception)` is called in the frame
    that raises. Both run with tracing off in that thread, and let nothing out but what a signal handler of the program
    has raised there.
    """

    def __init__(
        self,
        importer: Any,
        pause: Callable[[float], object],
        on_line: Callable[[FrameType, str, Any], Any],
        on_exception: Callable[[FrameType, BaseException], object],
    ) -> None:
        """Raises AgentError ``unsupported-build`` before Python 3.12."""
        self._pause = pause
        self._on_line = on_line
        self._armed = Armed()
        self._exceptions = Exceptions(on_exception)
        #: what the operator typed -> the canonical name of the file
        self._files: dict[str, str] = {}
        #: and the other way round
        self._names: dict[str, str] = {}
        #: what `armed_as` has answered
        self._shown: dict[str, str] = {}
        self._awaited = functions.Awaited(self._came)
        #: called with file and line, in the program's thread, when a function is armed that was not there before
        self.on_function: Callable[[str, int], object] = lambda filename, line: None
        self._engine: Any
        if sys.version_info >= (3, 12):
            from .monitoring import MonitoringEngine

            self._engine = MonitoringEngine(self._armed, self._awaited, pause, on_line)
        else:
            from .tracing import TracingEngine

            self._engine = TracingEngine(self._armed, self._awaited, importer.native, pause, on_line)

    def arm(self, filename: str, line: int, code: CodeType | None = None) -> int:
        """Returns the number of code objects that have the line now; 0: it waits for an import. `code`: only this one.

        `filename` is a path, relative to the process's directory perhaps, or the unique end of one. Raises AgentError
        ``unknown-file``, ``ambiguous-file``, ``no-code-at-line``, or one of the engine's.
        """
        if code is not None:
            self._arm(canonical(code.co_filename), line, code, [code])
            return 1
        path, _, codes = self._look_up(filename, loaded_code(self._pause))
        if codes:
            need_code(filename, line, codes.values())
        self._files[filename] = path
        self._armed.add_link(filename)
        self._names.setdefault(path, filename)
        self._shown = {}
        self._arm(path, line, None, list(codes.values()))
        return sum(line in self._armed.lines_of(code) for code in codes.values())

    def disarm(self, filename: str, line: int, code: CodeType | None = None) -> None:
        """However often it was armed. Without `code` also where a function's code alone has it."""
        path = canonical(code.co_filename) if code is not None else self._files.get(filename) or canonical(filename)
        self._armed.remove(path, line, code)
        self._engine.disarm()

    def arm_function(self, module: str, qualname: str) -> tuple[str, int] | None:
        """The file and the first line of the function's body, which is armed in its code alone.

        None: the module is not there; the function is armed when it is imported. Raises AgentError
        ``unknown-function``.
        """
        code = functions.find(module, qualname, self._pause)
        if code is None:
            self._awaited.add(module, qualname)
            self._engine.arm(())
            return None
        return self._arm_function(code)

    def arm_exceptions(self, name: str) -> None:
        """Those of this class, "*" or "" for all but those that are no failures; see `Exceptions`."""
        self._exceptions.add(name)
        self._engine.watch_exceptions(self._exceptions.raised)

    def place(self, filename: str, line: int) -> tuple[str, int]:
        """The file that `arm` would take, by the name that its code has, or will have; and the line.

        Raises AgentError as `arm`.
        """
        loaded = loaded_code(self._pause)
        path, names, codes = self._look_up(filename, loaded)
        if codes:
            need_code(filename, line, codes.values())
        return (names[0] if names else path), line

    def first_line(self, filename: str, line: int) -> int:
        """The first line of the body of the function whose definition begins at `line`; `line` itself if none does."""
        _, _, codes = self._look_up(filename, loaded_code(self._pause))
        found = [first_line(code) for code in codes.values() if code.co_firstlineno == line and code.co_name[:1] != "<"]
        return min(found, default=line)

    def armed_as(self, co_filename: str) -> str:
        """The name by which the file of such code was armed, or `co_filename`. Cheap enough for a thread that stops."""
        if co_filename not in self._shown:
            self._shown[co_filename] = self._names.get(canonical(co_filename), co_filename)
        return self._shown[co_filename]

    def expected_slowdown(self) -> str:
        """What the program pays while something is armed, one sentence; empty if nothing worth a word."""
        return str(self._engine.slowdown())

    def aside(self, change: Callable[[], Any]) -> Any:
        """What `change` returns, which begins or ends to trace threads: meanwhile we do not, and nothing stops."""
        self._engine.step_aside()
        try:
            return change()
        finally:
            self._engine.step_back()

    def mark_stack(self, frame: FrameType) -> None:
        """This thread has been at a prompt, and goes on: have its frames tell of what was armed there."""
        self._engine.mark_stack(frame)

    def close(self) -> None:
        """Leave nothing in the process; in a thread of the agent's."""
        self._exceptions.clear()
        self._engine.close()

    def after_fork(self) -> None:
        """In a forked child, before `close`."""
        self._engine.after_fork()

    def _look_up(
        self, filename: str, loaded: dict[str, dict[int, CodeType]]
    ) -> tuple[str, list[str], dict[int, CodeType]]:
        """The canonical name of the file, the names that its code has, and all its code."""
        path = self._files.get(filename) or find(filename, loaded)
        last = {path.rpartition("/")[2], filename.rpartition("/")[2]}
        names = [name for name in loaded if name.rpartition("/")[2] in last and canonical(name) == path]
        return path, names, with_nested(code for name in names for code in loaded[name].values())

    def _arm_function(self, code: CodeType) -> tuple[str, int]:
        line = first_line(code)
        self.arm(code.co_filename, line, code)
        return code.co_filename, line

    def _came(self, code: CodeType) -> None:
        self.on_function(*self._arm_function(code))

    def _arm(self, path: str, line: int, code: CodeType | None, codes: list[CodeType]) -> None:
        self._armed.add(path, line, code)
        try:
            self._engine.arm(codes)
        except BaseException:
            self._armed.remove(path, line, code)
            raise
