"""Lines through sys.monitoring (PEP 669), Python 3.12 and later, and branches, Python 3.14 and later.

Each line, and each way out of a branch, costs one callback the first time it runs and nothing after that,
because every callback answers DISABLE. Code is discovered when it starts or resumes, so that only files in
scope are ever instrumented for lines; what is running already is found on the stacks. Other tools and their
events are left as they are.
"""

from __future__ import annotations

import sys
from _weakref import ref

from ..frames import suspended_code
from ..stacks import greenlets, running_code, wait_until_left
from ..toolids import take_tool_id
from ..wire import LINE_BITS, arc
from .branches import Branches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType
    from typing import Any

    from .record.recording import Recording

#: The tool ids of PEP 669, first those that nobody expects to be free: debuggers, coverage.py and profilers that start
#: after us take theirs without asking.
_TOOL_IDS = (3, 4, 1, 5, 2, 0)


class MonitoringCollector:
    """Records lines, or arcs and trails, into `recording` from `start` until `stop`.

    These are the arcs that coverage.py records on this core (coverage/sysmon.py): from each line to itself, to the next
    that runs for the first time, out of the code, and those of branches.
    """

    core = "monitoring"

    def __init__(self, recording: Recording, pause: Callable[[float], object]) -> None:
        self._recording = recording
        self._pause = pause
        self._monitoring = getattr(sys, "monitoring")  # noqa: B009  (unknown to type checkers before 3.12)
        self._tool = -1
        self._global_events = self._local_events = 0
        self._callbacks: dict[int, Callable[..., Any]] = {}
        self._callback_codes: frozenset[int] = frozenset()
        #: Another object after each `restart`.
        self._period = object()
        #: id(code) -> weak reference, for all code whose lines we watch. Keyed by id since code objects of
        #: different files may compare equal; weak so that a program that makes code without end can also free
        #: it.
        self._watched: dict[int, ref[CodeType]] = {}
        self._prune_at = 10_000
        #: id(code) -> the line that was reported last; with branches only.
        self._last_lines: dict[int, int] = {}

    def start(self) -> None:
        """Watch all threads, from the next line on that each of them runs.

        Raises AgentError if other tools hold all tool ids.
        """
        self._tool = take_tool_id(self._monitoring, _TOOL_IDS)
        try:
            self._start_tool()
        except BaseException:
            self.stop()
            raise

    def _start_tool(self) -> None:
        monitoring = self._monitoring
        events = monitoring.events
        on_start, on_throw = self._discovering_callbacks()
        discovering = {events.PY_START: on_start}
        if self._recording.branch:
            local = self._branch_callbacks()
        else:
            local = {events.LINE: self._line_callback()}
            discovering.update({events.PY_RESUME: on_start, events.PY_THROW: on_throw})
        self._global_events, self._local_events = sum(discovering), sum(local)
        self._callbacks = {**discovering, **local}
        self._callback_codes = frozenset(id(callback.__code__) for callback in self._callbacks.values())
        for event, callback in self._callbacks.items():
            monitoring.register_callback(self._tool, event, callback)
        monitoring.set_events(self._tool, self._global_events)
        # Who held the tool id before us (we ourselves, perhaps) may have disabled PY_START in code that did
        # not run since: CPython keeps that in the code, by id, across free_tool_id, and such code would never
        # be discovered. Other tools see some of their disabled events once more, as PEP 669 lets any tool
        # cause at any time.
        monitoring.restart_events()
        # What starts from here on is discovered by its event; what runs already is on a stack, a greenlet's perhaps.
        self._watch_all(running_code(greenlets(self._pause)))
        if self._recording.branch:
            # Generators that are suspended are found here, not by PY_RESUME: where a tool has that event, CPython
            # reports the line of an ``await`` again when an exception is thrown into it, and coverage.py's arcs have
            # no such step.
            self._watch_all(suspended_code(self._pause))

    def collect(self) -> None:
        """All that ran is in the recording already."""

    def details(self) -> tuple[tuple[str, Any], ...]:
        """Nothing more to tell in the status."""
        return ()

    def restart(self) -> None:
        """Lines were taken away from the recording: have each of them reported once more."""
        # A callback under way has added its line before that, perhaps. It sees this and does not switch the line off.
        self._period = object()
        self._last_lines.clear()
        self._monitoring.restart_events()
        self._restart_greenlets()

    def _restart_greenlets(self) -> None:
        """CPython looks for changed events in code on a stack, and where code begins or goes on after a yield.

        A suspended greenlet is on no stack, and goes on in the middle of its code: there a change of its own events is
        needed. A greenlet that ran meanwhile is suspended again, or on a stack now.
        """
        suspended = greenlets(self._pause)
        if not suspended:
            return
        monitoring, tool = self._monitoring, self._tool
        for code in {id(code): code for code, _ in running_code(suspended)}.values():
            known = self._watched.get(id(code))
            if known is not None and known() is code:
                # one more that we have no callback for, and back
                monitoring.set_local_events(tool, code, self._local_events | monitoring.events.PY_YIELD)
                monitoring.set_local_events(tool, code, self._local_events)

    def verify(self) -> None:
        """What was recorded can be trusted: events come with the code that they are about."""

    def stop(self) -> None:
        """Remove every trace of the tool; what was recorded stays."""
        monitoring = self._monitoring
        tool = self._tool
        monitoring.set_events(tool, 0)
        for event in self._callbacks:
            if event & self._global_events:
                monitoring.register_callback(tool, event, None)
        # a callback under way may be about to watch one more code object
        wait_until_left(self._callback_codes, self._pause)
        for key in list(self._watched):
            code = self._watched[key]()
            if code is not None:
                monitoring.set_local_events(tool, code, 0)
        self._watched.clear()
        for event in self._callbacks:
            monitoring.register_callback(tool, event, None)
        # or about to answer DISABLE for an id that may soon be another tool's
        wait_until_left(self._callback_codes, self._pause)
        monitoring.free_tool_id(tool)
        self._tool = -1

    # The callbacks are closures: they run in the target's threads and have to be quick. An exception would come out of
    # the line of user code that is running. So they do little that can fail, and they catch little either: a signal
    # handler that runs in between may raise what is meant for that user code. Where the stack ends, though, the next
    # event of its kind comes again.
    #
    # A callback that records ends with a look at `_period`: a line that was taken away meanwhile must not be switched
    # off. Between that look and what CPython does with the answer no other thread can run: it gives the GIL away at
    # calls, at jumps back and where a function begins, and there is none of these.

    def _discovering_callbacks(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        disable = self._monitoring.DISABLE
        lines_of = self._recording.lines_of
        watch = self._watch
        frame_at = sys._getframe

        def on_start(code: CodeType, _offset: int) -> Any:
            try:
                if lines_of(code.co_filename, frame_at(1).f_globals) is not None:
                    watch(code)
            except RecursionError:  # the stack ends here: the next call of this code asks again
                return None
            return disable

        def on_throw(code: CodeType, _offset: int, _exception: BaseException) -> None:
            # the interpreter does not let this event be disabled
            try:
                if lines_of(code.co_filename, frame_at(1).f_globals) is not None:
                    watch(code)
            except RecursionError:
                return

        return on_start, on_throw

    def _line_callback(self) -> Callable[..., Any]:
        disable = self._monitoring.DISABLE
        set_of = self._recording.by_code_name.get

        def on_line(code: CodeType, line: int) -> Any:
            period = self._period
            lines = set_of(code.co_filename)
            if lines is not None:
                lines.add(line)
            return disable if period is self._period else None

        return on_line

    def _branch_callbacks(self) -> dict[int, Callable[..., Any]]:
        """By event, what is called instead of the line callback."""
        disable = self._monitoring.DISABLE
        events = self._monitoring.events
        set_of = self._recording.by_code_name.get
        last_lines = self._last_lines
        trail = Branches().trail
        frame_at = sys._getframe

        def on_line(code: CodeType, line: int) -> Any:
            period = self._period
            arcs = set_of(code.co_filename)
            if arcs is not None:
                before = last_lines.get(id(code), line)
                last_lines[id(code)] = line
                arcs.add(line | line << LINE_BITS)  # wire.arc, without a call
                if before != line:
                    arcs.add(before | line << LINE_BITS)
            return disable if period is self._period else None

        def on_return(code: CodeType, _offset: int, _value: object) -> Any:
            period = self._period
            arcs = set_of(code.co_filename)
            if arcs is not None:
                line = frame_at(1).f_lineno
                last_lines.pop(id(code), None)
                if line is not None:
                    try:
                        arcs.add(arc(line, -code.co_firstlineno))
                    except RecursionError:
                        return None
            return disable if period is self._period else None

        def on_branch(code: CodeType, source: int, destination: int) -> Any:
            period = self._period
            arcs = set_of(code.co_filename)
            if arcs is not None:
                try:
                    found = trail(code, source, destination)
                except RecursionError:
                    return None
                if found:
                    arcs.add(found)
            return disable if period is self._period else None

        return {
            events.LINE: on_line,
            events.PY_RETURN: on_return,
            events.BRANCH_LEFT: on_branch,
            events.BRANCH_RIGHT: on_branch,
        }

    def _watch_all(self, running: Iterable[Any]) -> None:
        for code, module_globals in running:
            if self._recording.lines_of(code.co_filename, module_globals) is not None:
                self._watch(code)

    def _watch(self, code: CodeType) -> None:
        """Have the lines of this code object reported; remember it, so that `stop` can undo that."""
        if code.co_name == "__annotate__":  # evaluates annotations (PEP 649): its lines did not run, coverage says
            return
        known = self._watched.get(id(code))
        if known is None or known() is not code:  # an id may be used again
            self._last_lines.pop(id(code), None)
            # in this order: another thread that finds the code known must find it instrumented too
            self._monitoring.set_local_events(self._tool, code, self._local_events)
            self._watched[id(code)] = ref(code)
            if len(self._watched) >= self._prune_at:
                self._prune()

    def _prune(self) -> None:
        """Forget code objects that are gone. May run in several threads at once."""
        for key in list(self._watched):
            known = self._watched.get(key)
            if known is not None and known() is None:
                self._last_lines.pop(key, None)
                known = self._watched.pop(key, None)
                if known is not None and known() is not None:  # the id was used again in this moment
                    self._watched[key] = known
        self._prune_at = max(10_000, 2 * len(self._watched))
