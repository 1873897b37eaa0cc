"""What kind of interpreter it is, beyond its version: what an operator may want to know when something is odd."""

import struct
from dataclasses import dataclass

from attach.inject.memory import MemoryFault
from attach.inject.remote_exec import COOKIE
from attach.inject.runtime import Runtime, interpreters

_OFFSETS_SINCE = (3, 13)
#: Positions in `_Py_DebugOffsets`, in words of 8 bytes; the same from 3.13 to 3.15.
FREE_THREADED = 2
_INTERPRETERS, _NEXT = 5, 8


@dataclass(frozen=True, slots=True)
class Build:
    """One interpreter. None is: cannot be told from outside for this version."""

    libc: str
    #: The path of libpython, empty if the interpreter is part of the executable.
    library: str
    debug: bool
    free_threaded: bool | None
    interpreters: int | None


def look_at_build(runtime: Runtime, executable: str) -> Build:
    """Tells the build by symbols and mappings. `executable` is what /proc/PID/exe says."""
    words = debug_words(runtime)
    return Build(
        libc=runtime.c_library,
        library="" if runtime.python.path == executable else runtime.python.path,
        # Include/object.h: only with Py_REF_DEBUG, which --with-pydebug implies
        debug=runtime.python.symbol("_Py_NegativeRefcount") is not None,
        free_threaded=bool(words[FREE_THREADED]) if words else None,
        interpreters=_count_interpreters(runtime, words) if words else None,
    )


def debug_words(runtime: Runtime) -> tuple[int, ...]:
    """The first words of `_Py_DebugOffsets` (Include/internal/pycore_debug_offsets.h), empty before 3.13."""
    if runtime.version.pair < _OFFSETS_SINCE:
        return ()
    content = runtime.memory.read(runtime.address("_PyRuntime"), 256)
    return struct.unpack("<32Q", content) if content.startswith(COOKIE) else ()


def all_interpreters(runtime: Runtime, words: tuple[int, ...]) -> list[int]:
    """The addresses of its interpreters, the main one last; `words` are those of `debug_words`. Raises MemoryFault."""
    head = runtime.address("_PyRuntime") + words[_INTERPRETERS]
    return list(interpreters(runtime.memory, head, words[_NEXT]))


def _count_interpreters(runtime: Runtime, words: tuple[int, ...]) -> int | None:
    """How many interpreters there are; None if the list changes under our eyes."""
    try:
        return len(all_interpreters(runtime, words))
    except MemoryFault:
        return None
