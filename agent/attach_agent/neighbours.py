"""What else in the process has to do with tracing, and when it means that we must not trace."""

from __future__ import annotations

import sys

from .errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def refuse_audit_hooks() -> None:
    """An audit hook that loses the GIL in ``sys.settrace`` makes the same call of other threads fail.

    CPython 3.10 and 3.11 guard ``_PyEval_SetTrace`` so ("Cannot install a trace function while another trace function
    is being installed"), and ``threading`` calls it when a thread starts: the thread would not run. Nobody can tell a
    hook that keeps the GIL from one that does not.
    """
    try:
        sys.audit("sys.settrace")
    except Exception as error:  # whatever the hook raises
        raise AgentError("tracing-refused", "an audit hook forbids sys.settrace: %s" % error) from None
    if not (3, 10) <= sys.version_info < (3, 12):
        return
    try:
        sys.audit(None)  # type: ignore[arg-type]  # looked at only if there is a hook (Python/sysmodule.c, sys_audit)
    except TypeError:
        message = "it has an audit hook (sys.addaudithook), and new threads could fail to start while they are traced"
        raise AgentError("audit-hook", message) from None


def thread_hook() -> Any:
    """The trace function that ``threading`` gives to each thread it starts, or None."""
    threading = sys.modules.get("threading")
    return getattr(threading, "_trace_hook", None)


def set_thread_hook(old: Any, new: Any) -> None:
    """What ``threading.settrace`` does, where that module is loaded and the hook is `old`."""
    threading = sys.modules.get("threading")
    if type(threading) is type(sys) and threading.__dict__.get("_trace_hook", new) is old:
        threading.__dict__["_trace_hook"] = new


def behind(item: Any) -> Any:
    """Behind a trace function of the debugger the one that it hands each event to; any other as it is.

    See ``debugger.breakpoints.tracing``, ``debugger.stopping.traced`` and ``debugger.live_pdb``.
    """
    while True:
        if type(item) is type(behind) and "live_attach" in item.__dict__:
            item = item.__dict__["live_attach"]
        elif _is_method_of_debugger(item):
            item = item.__func__.__dict__["live_attach"](item.__self__)
        else:
            return item


def _is_method_of_debugger(item: Any) -> bool:
    if type(item).__name__ != "method" or type(item.__func__) is not type(behind):
        return False
    return "live_attach" in item.__func__.__dict__


def refuse_debugger(items: Iterable[Any]) -> None:
    """A tracer cannot come to a thread that a debugger traces: what that had before is put back when it ends."""
    if any(behind(item) is not item for item in items):
        message = (
            "its threads are traced for an operator who debugs it: end that session first (attach PID debug --reset)"
        )
        raise AgentError("tracer-busy", message)


def ended(*_: Any) -> None:
    """What the tracers of a measurement that is over have for ``warn``, as a mark."""


def is_over(item: Any) -> bool:
    """Is this a trace function of ours that does nothing any more? Whoever put it aside shall not put it back."""
    if type(item).__name__ == "CTracer":
        return getattr(item, "warn", None) is ended
    if type(item).__name__ != "method" or type(item.__func__) is not type(is_over):
        return False
    is_ours = item.__func__.__code__.co_filename.startswith(_COVERAGE)
    return is_ours and bool(item.__self__.__dict__.get("_stopping"))


#: Where the code of our coverage is.
_COVERAGE = __file__.rpartition("/")[0] + "/coverage/"


def behind_breakpoint(item: Any) -> Any:
    """As `behind`, but only of a trace function that can `stand_in_front` again: pdb keeps a thread that it traces."""
    return behind(item) if type(item) is type(behind) and "live_attach_again" in item.__dict__ else item


def stand_in_front(front: Any) -> None:
    """Have `front`, of a breakpoint, stand before what traces this thread by now."""
    sys.settrace(front.live_attach_again(sys.gettrace()))


def name_of(item: Any) -> str:
    """What an operator will recognise a trace function by, found without running code of the target."""
    kind = type(item)
    if kind.__name__ == "CTracer":
        return "coverage.py (CTracer)"
    function = item.__func__ if kind.__name__ == "method" else item
    if type(function) is type(name_of):
        code = function.__code__
        return "%s.%s (%s:%d)" % (function.__module__, function.__qualname__, code.co_filename, code.co_firstlineno)
    return "%s of %s" % (kind.__name__, type.__dict__["__module__"].__get__(kind))
