"""A C tracer for each greenlet, exchanged whenever a thread switches.

A tracer keeps the stack of the frames it has seen entered, and a line belongs to the file on top of it. A greenlet has
frames of its own, and switching is no event of tracing: with one tracer a thread's lines would get into the wrong file.
But greenlet tells of each switch (``greenlet.settrace``), when it is done and before the greenlet runs a line.

That hook belongs to a thread and can only be set and removed there. So each thread sets it when it begins to be traced.
When measuring ends it does nothing any more, and removes itself at the next switch of its thread. What greenlet keeps
until then is a function that knows nothing of the agent.
"""

from __future__ import annotations

import _thread
import sys
from _weakref import ref

from ...errors import AgentError
from ...neighbours import behind_breakpoint, stand_in_front

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

#: What greenlet calls in each thread. `state` has "previous", the hook that was there before; "switched" and "failed",
#: ours, None when measuring has ended; "broken": ours has not come to its end, for want of stack.
_HOOK = """
def make(settrace, gettrace, state):
    def hook(event, args):
        try:
            if state["previous"] is not None:
                state["previous"](event, args)
            switched = state["switched"]
            if switched is not None:
                switched(*args)
                return
        except BaseException:
            failed = state["failed"]
            if failed is not None:
                state["broken"] = True
                failed()
            raise
        if gettrace() is hook:
            settrace(state["previous"])
    hook.live_attach = state
    return hook
"""


def module() -> Any:
    """greenlet's C module, None if the process has not loaded it. AgentError if it does not tell of switches."""
    found = sys.modules.get("greenlet._greenlet") or sys.modules.get("greenlet")
    if type(found) is not type(sys) or "getcurrent" not in found.__dict__:
        return None
    if "settrace" not in found.__dict__:
        raise AgentError("greenlets", "its greenlet was built without settrace, so switches cannot be followed")
    return found


def module_to_follow() -> Any:
    """The same, for a process that is about to be traced. AgentError if that would be dangerous."""
    found = module()
    if found is not None and sys.version_info >= (3, 14):
        message = "from Python 3.14 on, greenlets that were suspended when tracing began lose events, or crash"
        raise AgentError("greenlets", message)
    return found


def is_loaded() -> bool:
    found = sys.modules.get("greenlet")
    return type(found) is type(sys) and "getcurrent" in found.__dict__


def is_being_imported(frame: FrameType) -> bool:
    """Does this frame, which is just beginning, execute the package of greenlet?"""
    return dict.get(frame.f_globals, "__name__") == "greenlet"


def load() -> Any:
    """Do what the first line of the package does: load its C module. None if that fails, as it will there."""
    try:
        __import__("greenlet._greenlet")
        return module()
    except Exception:
        return None


class Greenlets:
    """The tracers of all greenlets of all threads.

    `entry` is the trace function that gives a thread, or greenlet, a tracer at its next event; `is_mine` tells our
    trace functions from others.
    """

    def __init__(
        self, module: Any, native: Callable[..., Any], entry: Callable[..., Any], is_mine: Callable[[Any], bool]
    ) -> None:
        names = module.__dict__
        self._getcurrent, self._settrace, self._gettrace = names["getcurrent"], names["settrace"], names["gettrace"]
        #: The kernel's: that of ``get_ident`` may be used again before greenlet notices that a thread has ended.
        self._thread = native(_thread, "get_native_id")
        self._entry = entry
        self._is_mine = is_mine
        self._namespace: dict[str, Any] = {}
        exec(_HOOK, self._namespace)
        #: thread -> id(greenlet) -> (weak reference, its tracer)
        self._tracers: dict[int, dict[int, tuple[Any, Any]]] = {}
        self._states: dict[int, dict[str, Any]] = {}
        #: Weak references to the hooks, which greenlet alone keeps alive.
        self._hooks: dict[int, Any] = {}
        self._unnoticed = False
        self.codes = frozenset(id(function.__code__) for function in (self._switched, self._failed))

    def entered(self, tracer: Any) -> None:
        """The greenlet that runs has got this tracer. Called in its thread."""
        thread = self._thread()
        if thread in self._hooks and (self._hooks[thread]() is None or self._gettrace() is None):
            self._unnoticed = True
            self._drop(thread)
        if thread not in self._hooks:
            self._set_hook(thread)
        greenlet = self._getcurrent()
        tracers = self._tracers[thread]
        key = id(greenlet)
        tracers[key] = (ref(greenlet, lambda _: tracers.pop(key, None)), tracer)

    def forget_current(self) -> None:
        """The tracer of the greenlet that runs has lost its way. Called in its thread."""
        self._tracers.get(self._thread(), {}).pop(id(self._getcurrent()), None)

    def end(self) -> None:
        """No hook does anything from here on, but for those that are just being called."""
        for state in list(self._states.values()):
            state["switched"] = state["failed"] = None

    def went_unnoticed(self) -> bool:
        """Has greenlet given up a hook, and we could not follow, since the stack had no room for it?"""
        hooks, states = list(self._hooks.values()), list(self._states.values())
        return self._unnoticed or any(hook() is None for hook in hooks) or any(state["broken"] for state in states)

    def _set_hook(self, thread: int) -> None:
        previous = self._gettrace()
        while type(previous) is type(module) and "live_attach" in previous.__dict__:  # of a measurement that has ended
            previous = previous.__dict__["live_attach"]["previous"]
        state: dict[str, Any] = {"previous": previous, "broken": False}
        state["switched"], state["failed"] = self._switched, self._failed
        hook = self._namespace["make"](self._settrace, self._gettrace, state)
        self._tracers[thread] = {}
        self._states[thread] = state
        self._hooks[thread] = ref(hook, lambda gone: self._lost(thread, gone))
        self._settrace(hook)

    # ---- in the target's threads, which are not traced meanwhile ----

    def _switched(self, origin: Any, target: Any) -> None:
        tracers = self._tracers[self._thread()]
        front = sys.gettrace()
        current = behind_breakpoint(front)
        left = tracers.get(id(origin))
        if left is not None and left[1] is not current:  # it has run without its tracer, which has lost its way
            del tracers[id(origin)]
        known = tracers.get(id(target))
        if not self._is_mine(current):  # a debugger's thread by now
            tracers.pop(id(target), None)
        elif known is None:
            self._come_to_entry()
        elif known[1] is not current:
            known[1].stop()
            known[1].start()
        if front is not current and sys.gettrace() is not front:
            stand_in_front(front)

    def _failed(self) -> None:
        """An exception comes out of the hook, perhaps of a signal handler: greenlet does not call it again."""
        if self._is_mine(behind_breakpoint(sys.gettrace())):
            self._come_to_entry()
        self._drop(self._thread())

    def _lost(self, thread: int, gone: Any) -> None:
        """Somebody has put another hook there, or the thread has ended."""
        if self._hooks.get(thread) is not gone:
            return
        if self._thread() == thread and self._is_mine(behind_breakpoint(sys.gettrace())):
            self._come_to_entry()
        self._drop(thread)

    def _drop(self, thread: int) -> None:
        for known in (self._hooks, self._states, self._tracers):
            known.pop(thread, None)

    def _come_to_entry(self) -> None:
        """The thread comes to `entry` at its next event, whatever frame of the greenlet that is in."""
        sys.settrace(self._entry)
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            frame.f_trace = self._entry
            frame = frame.f_back
