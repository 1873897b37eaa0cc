"""What else in the process has to do with tracing, and when it means that we must not trace."""

from __future__ import annotations

import sys

from ...errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    """Behind the trace function of a breakpoint the one that it hands each event to; any other as it is.

    See ``debugger.breakpoints.tracing``.
    """
    while type(item) is type(behind) and "live_attach" in item.__dict__:
        item = item.__dict__["live_attach"]
    return item


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
