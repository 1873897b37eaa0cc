"""What a thread of ours that ran somebody's code leaves in the program's libraries, and how it goes away."""

from __future__ import annotations

import _thread
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def forget_thread(ident: int, had_threading: bool) -> None:
    """In our thread `ident` before it ends: it is no thread of the program's, let alone its main thread."""
    threading: Any = sys.modules.get("threading")
    if type(threading) is not type(sys):
        return
    if not had_threading and sys.version_info < (3, 13):
        _give_back_main_thread(threading, ident)
    known_as = threading.get_ident()
    if type(threading._active.get(known_as)) is threading._DummyThread:  # for who asks for the current thread: logging
        threading._active.pop(known_as, None)


def forget_hub() -> None:
    """gevent makes an event loop, with descriptors, for each thread that sleeps or waits; it never goes by itself."""
    local = sys.modules.get("gevent._hub_local")
    hub: Any = getattr(local, "get_hub_if_exists", lambda: None)()
    if hub is not None:
        hub.destroy(destroy_loop=True)


def _give_back_main_thread(threading: Any, ours: int) -> None:
    """CPython before 3.13 takes the thread that first imports ``threading`` for the main thread (bpo-31517)."""
    main = threading._main_thread
    if main._ident != ours:
        return
    # newest first (Python/pystate.c, _PyThread_CurrentFrames), so the last is the one the process began with
    *_, oldest = sys._current_frames()
    lock = _thread.allocate_lock()
    lock.acquire()
    # the old one is released by CPython when our thread ends, and would mean that the main thread has ended
    getattr(threading, "_shutdown_locks", set()).discard(main._tstate_lock)
    main._tstate_lock = lock
    main._ident = oldest
    main._native_id = posix.getpid()
    threading._active.pop(ours, None)
    threading._active[oldest] = main
