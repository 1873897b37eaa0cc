"""What the threads are called: without importing ``threading``, and without its lock."""

from __future__ import annotations

import _thread
import posix
import sys

from .shown import attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

#: Bytes of a thread's descriptor (glibc's and musl's ``struct pthread``) that are searched for its native id.
_DESCRIPTOR = 4096
_TID = 4


class Name:
    """What ``threading`` knows of a thread, or of a greenlet that is one for the program."""

    def __init__(self, thread: Any) -> None:
        known = attributes(thread)
        name, native = known.get("_name"), known.get("_native_id")
        self.name = name if type(name) is str else ""
        self.native = native if type(native) is int else 0
        self.daemon = known.get("_daemonic") is True


def names() -> dict[int, Name]:
    """By what ``threading.get_ident`` is for the thread: CPython's ident, or, under gevent, the greenlet's."""
    active = getattr(sys.modules.get("threading"), "_active", None)
    if type(active) is not dict:
        return {}
    return {ident: Name(thread) for ident, thread in dict(active).items() if type(ident) is int}


def main_name() -> str:
    """What ``threading`` calls the main thread."""
    main = getattr(sys.modules.get("threading"), "_main_thread", None)
    return Name(main).name if main is not None else ""


def native_ids(idents: Iterable[int], known: dict[int, int], own: int) -> dict[int, int]:
    """The kernel's ids of threads that ``threading`` does not know, by their idents; those that can be told.

    `own` is the ident of this thread.

    An ident is the address of the C library's descriptor of the thread, which holds that number. Where, is found at our
    own thread, and checked at those that are `known`. It is read as a file, so a thread that ends does no harm.
    """
    try:
        memory = posix.open("/proc/self/mem", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return {}
    try:
        known = dict(known)
        known[own] = _thread.get_native_id()
        content = posix.pread(memory, _DESCRIPTOR, own)
        places = [at for at in range(0, len(content) - _TID, _TID) if _tid(content, at) == known[own]]
        places = [at for at in places if all(_read(memory, ident + at) == known[ident] for ident in known)]
        if not places:
            return {}
        found = {ident: _read(memory, ident + places[0]) for ident in idents}
        return {ident: native for ident, native in found.items() if native}
    except OSError:
        return {}
    finally:
        posix.close(memory)


def _tid(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + _TID], sys.byteorder)


def _read(memory: int, address: int) -> int:
    try:
        return _tid(posix.pread(memory, _TID, address), 0)
    except OSError:
        return 0
