"""Lines through probes in the code itself, Python 3.8 - 3.11: see `rewriting`.

Functions that exist get code with probes, as does each module that is imported from now on. What runs already, or is
suspended, goes on in the code it began with: the C tracer sees to it until it ends (`old_frames`). Code that is
executed without importlib (``exec``) has no probes; functions that it makes get them when they are found.
"""

from __future__ import annotations

import _thread
import time
from itertools import chain

from ...errors import AgentError
from ...stacks import current_stacks, running_code, wait_until_left
from ..tracer import greenlets, library
from .finding import Suspended, functions, young_functions
from .imports import ImportHook
from .old_frames import OldFrames
from .reaching import Reaching
from .registry import Registry
from .selftest import unusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

    from ..record.recording import Recording
    from ..tracer.plugins import Plugins

#: How often we look for threads, frames and new functions that need attention.
POLL_SECONDS = 0.1

#: How often code is forgotten that nobody has any more.
PRUNE_SECONDS = 10.0

#: How often, while something is traced, we look whether probes have told its lines elsewhere.
COLLECT_SECONDS = 1.0

#: We rewrite for that long, then other threads get their turn for as long.
SLICE_SECONDS, REST_SECONDS = 0.002, 0.0005


class ProbesCollector:
    """Records lines into `recording` from `start` until `stop`; the arguments are those of `TracerCollector`.

    Where probes cannot be used, it is the C tracer.
    """

    def __init__(
        self,
        recording: Recording,
        plugins: Plugins,
        native: Callable[..., Any],
        pause: Callable[[float], object],
        content: bytes,
    ) -> None:
        self._plugins = plugins
        self._recording = recording
        self._native = native
        self._pause = pause
        self._registry = Registry(recording)
        self._reaching = Reaching(self._registry)
        self._tracer: OldFrames | None = self._new_tracer(content)
        self._hook: ImportHook | None = None
        self._suspended = Suspended()
        #: Weak references to what is suspended in code without probes.
        self._waiting: list[Any] = []
        #: Why probes are not used, a clause.
        self._reason = ""
        self._rested_at = 0.0
        self._watching = False
        self._new_locks()

    @property
    def core(self) -> str:
        return "ctracer" if self._reason else "probes"

    def details(self) -> tuple[tuple[str, Any], ...]:
        """For the status: why it is the C tracer after all, or how much is measured in which way."""
        if self._reason:
            return (("instead_of_probes", self._reason),)
        probed, refused = self._registry.totals()
        return (("probed_code", probed), ("refused_code", refused), ("traced_too", self._tracer is not None))

    def start(self) -> None:
        """Watch all threads; returns when every function has its probes.

        Raises AgentError as `TracerCollector.start` does. Then nothing was changed.
        """
        assert self._tracer is not None
        self._reason = self._plugins_or_greenlets() or unusable()
        self._tracer.start()  # everywhere: until probes are in place it sees what runs
        if self._reason:
            return
        try:
            self._fork_callbacks().append(self._leave_child)
            self._hook = ImportHook(self._registry.replacement)
            self._hook.install()
            self._cover_all()
            self._find_old_frames()
            self._start_watcher()
        except BaseException:
            self.stop()
            raise

    def _plugins_or_greenlets(self) -> str:
        """Why this program is one for the C tracer; empty if it is not."""
        if self._plugins.file_tracers:
            return "only the C tracer asks plug-ins"
        return "suspended greenlets go on in code without probes" if greenlets.is_loaded() else ""

    def verify(self) -> None:
        """As `TracerCollector.verify`: probes know nothing of greenlets, and need not."""
        if self._tracer is not None:
            self._tracer.verify()

    def collect(self) -> None:
        """Bring what the probes tell into the recording."""
        with self._lock:
            self._registry.collect(self._breathe)

    def restart(self) -> None:
        """Lines were taken away from the recording: each of them is reported once more.

        What has run since the last `collect` was not taken away: it stays as it is, for the next.
        """
        with self._lock:
            self._registry.arm(self._breathe)
            if self._reason or not self._watching:
                return
            if self._tracer is None:
                self._trace_again()
            else:
                self._tracer.everywhere = self._must_be_everywhere()
                self._tracer.resume()

    def stop(self) -> None:
        """Give every function its own code back; what was recorded stays.

        A function whose code somebody has exchanged meanwhile is left alone. Frames that began while we measured end
        in the code that they run, whose probes do nothing any more.
        """
        if self._leave_child in self._fork_callbacks():
            self._fork_callbacks().remove(self._leave_child)
        self._wake.release()
        while self._watching:
            self._pause(0.001)
        if self._hook is not None:
            self._hook.remove()
            wait_until_left(frozenset((self._hook.code_id,)), self._pause)
        self._registry.undo_constants()
        for reference in functions(self._pause):
            self._restore(reference())
            self._breathe()
        with self._lock:
            self._registry.end()
        if self._tracer is not None:
            self._stop_tracer()

    # ---- in the agent's threads ----

    def _restore(self, function: Any) -> None:
        original = None if function is None else self._registry.original(function.__code__)
        if original is not None:
            function.__code__ = original

    def _new_tracer(self, content: bytes) -> OldFrames:
        has_unseen = self._reaching.has_unseen
        return OldFrames(has_unseen, self._recording, self._plugins, self._native, self._pause, content)

    def _new_locks(self) -> None:
        allocate = self._native(_thread, "allocate_lock", "allocate")
        self._lock = allocate()
        self._wake = allocate()
        self._wake.acquire()

    def _fork_callbacks(self) -> list[Any]:
        types = library.find()
        return library.fork_callbacks(types[0]) if types is not None else []

    def _breathe(self) -> None:
        """Let other threads run, if they had to wait for a while."""
        if time.monotonic() - self._rested_at > SLICE_SECONDS:
            self._pause(REST_SECONDS)
            self._rested_at = time.monotonic()

    def _cover_all(self) -> None:
        for reference in functions(self._pause):
            self._cover(reference())
            self._breathe()
        for reference in young_functions():  # of those that were made meanwhile
            self._cover(reference())

    def _cover(self, function: Any) -> None:
        """Give a function probes, if it is there and in scope."""
        if function is None:
            return
        code = function.__code__
        namespace = function.__globals__
        if type(namespace) is not dict or self._registry.original(code) is not None:
            return
        try:
            new = self._registry.replacement(code, namespace)
        except Exception as error:
            self._registry.refuse(code, error)
            return
        if new is not code and function.__code__ is code:
            function.__code__ = new

    def _find_old_frames(self) -> None:
        """From here on only those threads are traced that need it."""
        self._waiting = self._suspended.find(self._is_old, self._pause)
        waiting = [self._suspended.frame_of(reference) for reference in self._waiting]
        old = [(frame.f_code, frame.f_globals) for frame in waiting if frame is not None]
        del waiting
        for code, namespace in old + running_code():
            if self._is_old(code, namespace):
                self._registry.replacement(code, namespace)
                self._registry.adopt(code)
        self._look_after_tracer()

    def _is_old(self, code: CodeType, module_globals: dict[str, Any]) -> bool:
        return not self._registry.is_covered(code, module_globals)

    def _start_watcher(self) -> None:
        self._watching = True
        try:
            self._native(_thread, "start_new_thread", "start_new")(self._watch, ())
        except RuntimeError as error:
            self._watching = False
            raise AgentError("no-thread", "the process cannot start one more thread: %s" % error) from None

    def _watch(self) -> None:
        """Look after what nothing tells us, until `stop`."""
        pruned_at = collected_at = time.monotonic()
        try:
            while not self._wake.acquire(True, POLL_SECONDS):
                try:
                    for reference in young_functions():
                        self._cover(reference())
                    if time.monotonic() - pruned_at > PRUNE_SECONDS:
                        with self._lock:
                            self._registry.prune()
                        pruned_at = time.monotonic()
                    with self._lock:
                        if self._tracer is not None and time.monotonic() - collected_at > COLLECT_SECONDS:
                            self._registry.collect(self._breathe)
                            collected_at = time.monotonic()
                        self._look_after_tracer()
                except MemoryError:
                    continue
        finally:
            self._watching = False

    def _look_after_tracer(self) -> None:
        """Trace as long as something without probes runs, or waits, that has lines to tell."""
        running = running_code()
        for code, namespace in running:
            self._recording.lines_of(code.co_filename, namespace)  # what is left out is told with what runs
        if self._tracer is None:
            if self._registry.totals()[1]:  # imported since, and refused
                self._trace_again()
            return
        self._tracer.everywhere = self._must_be_everywhere()
        if self._tracer.needed():
            return
        # such code may have left something suspended that it made
        self._waiting = self._suspended.find(self._is_old, self._pause)
        self._tracer.everywhere = self._must_be_everywhere()
        if not self._tracer.needed():
            self._stop_tracer()

    def _must_be_everywhere(self) -> bool:
        """Something suspended may go on in any thread, and so may a function that could not be given probes."""
        self._waiting = [reference for reference in self._waiting if self._suspended.frame_of(reference) is not None]
        if self._registry.totals()[1] or (self._tracer is not None and greenlets.is_loaded()):
            return True
        frames = map(self._suspended.frame_of, self._waiting)
        return any(frame is not None and self._reaching.has_unseen(frame) for frame in frames)

    def _trace_again(self) -> None:
        """Start the tracer if it is needed; it is loaded by now."""
        everywhere = self._must_be_everywhere()
        if not everywhere and not any(map(self._reaching.has_unseen, chain.from_iterable(current_stacks().values()))):
            return
        tracer = self._new_tracer(b"")
        tracer.everywhere = everywhere
        try:
            tracer.start()
        except AgentError:  # somebody else traces now
            return
        self._tracer = tracer

    def _stop_tracer(self) -> None:
        tracer, self._tracer = self._tracer, None
        if tracer is not None:
            tracer.stop()

    def _leave_child(self) -> None:
        """Called by the child of a fork: its threads are gone, and nobody will ask for its lines."""
        self._watching = False
        self._new_locks()
        if self._hook is not None:
            self._hook.remove()
