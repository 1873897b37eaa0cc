"""What a program sees of itself: everything that an attach could have left behind in the interpreter.

`look()` gives plain values, to be compared with what it gave before.
"""

import atexit
import builtins
import gc
import signal
import sys
import threading


def look():
    """Names, counts and identities; equal to an earlier look if nothing was left behind."""
    return {
        "modules": sorted(sys.modules),
        "path": list(sys.path),
        "meta_path": [_name(finder) for finder in sys.meta_path],
        "path_hooks": [_name(hook) for hook in sys.path_hooks],
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "thread_states": len(sys._current_frames()),
        "main_thread": threading.main_thread().ident,
        "tracing": [_name(sys.gettrace()), _name(sys.getprofile())],
        "threading_hooks": [_name(threading._trace_hook), _name(threading._profile_hook)],
        "frames_traced": sum(_traced_frames(frame) for frame in sys._current_frames().values()),
        "monitoring": _monitoring(),
        "streams": [sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
        "hooks": [
            _name(getattr(sys, name))
            for name in ("excepthook", "displayhook", "breakpointhook", "unraisablehook")
        ],
        "set_trace": _name(getattr(sys.modules.get("pdb"), "set_trace", None)),
        "builtins": sorted(vars(builtins)),
        "main": sorted(vars(sys.modules["__main__"])),
        "gc": [gc.isenabled(), list(gc.get_threshold()), len(gc.callbacks), gc.get_freeze_count()],
        "atexit": atexit._ncallbacks(),
        "signals": [str(signal.getsignal(number)) for number in range(1, signal.NSIG)],
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval()],
    }


def _name(thing):
    if thing is None:
        return None
    return "%s.%s" % (
        getattr(thing, "__module__", type(thing).__module__),
        getattr(thing, "__qualname__", type(thing).__qualname__),
    )


def _traced_frames(frame):
    count = 0
    while frame is not None:
        count += frame.f_trace is not None
        frame = frame.f_back
    return count


def _monitoring():
    if not hasattr(sys, "monitoring"):
        return []
    return [
        [
            sys.monitoring.get_tool(tool),
            sys.monitoring.get_events(tool) if sys.monitoring.get_tool(tool) else 0,
        ]
        for tool in range(6)
    ]
