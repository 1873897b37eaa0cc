"""``sys.stdin``, ``sys.stdout``, ``sys.stderr`` and ``sys.argv`` while an operator's code runs or a thread is stopped.

Each is replaced by a stand-in that looks at the thread: one that runs an operator's code meets that run's own, every
other thread meets the program's, with all its attributes. When nobody uses them any more the program's come back. Who
kept a stand-in meanwhile has the program's in it for ever.
"""

from __future__ import annotations

import _io
import _thread
import posix
import sys

from .wire import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: A program may have taken one of them away.
_ABSENT = object()

STDOUT, STDERR = 1, 2
STREAMS = ("stdin", "stdout", "stderr")
_ALL = (*STREAMS, "argv")
_ENCODING = "utf-8"

#: Before 3.14 ``print`` and others use ``sys.stdout`` without a reference of their own (gh-130163): a stand-in that is
#: freed under a thread that is just printing ends the process. So they stay, one for each stream that they stood for.
_KEPT = "_live_attach_stand_ins"
_MUST_KEEP = sys.version_info < (3, 14)
#: A program that makes streams without end must not fill its memory with ours.
_MOST_KEPT = 30


class StandIns:
    """The stand-ins of one process. `ident` tells threads apart, but no greenlets; `classes` is ``stand_in``.

    There is no lock, since a stopped thread must not wait for one: two threads that place, or one that places while
    another removes, leave at worst a stand-in on top of another, which does the same.
    """

    def __init__(self, ident: Callable[[], int], classes: dict[str, Any]) -> None:
        self.thread = ident
        #: set where a thread of the program runs something for one of ours: a context variable with what ours is
        self.on_behalf: Any = None
        self.classes = classes
        self._kinds = (classes["Stream"], classes["Arguments"])
        #: thread -> what it meets instead of the program's: has ``get(name in sys, the program's)``
        self._own: dict[int, Any] = {}
        #: (name, stand-in, what was there), oldest first
        self._placed: list[tuple[str, Any, Any]] = []
        #: who needs stand-ins -> for which names
        self._users: dict[object, tuple[str, ...]] = {}

    def ident(self) -> int:
        """The thread that runs, or the one for which it runs."""
        meant = self.on_behalf.get(0) if self.on_behalf is not None else 0
        return meant or self.thread()

    def place(self, user: object = None, names: tuple[str, ...] = _ALL) -> None:
        """Put stand-ins where none of ours is; others may have been put on top of those that we have."""
        self._users[user] = names
        for name in names:
            present = sys.__dict__.get(name, _ABSENT)
            if not self._is_placed(present):
                sys.__dict__[name] = self._placed_for(name, self._program_s(present))

    def remove(self, user: object = None) -> None:
        """`user` needs them no more: put the program's back, but where somebody else has replaced ours meanwhile."""
        self._users.pop(user, None)
        needed = {name for names in list(self._users.values()) for name in names}
        for placed in [placed for placed in reversed(self._placed) if placed[0] not in needed]:
            try:
                self._placed.remove(placed)
            except ValueError:  # another thread has just done it
                continue
            name, stand_in, before = placed
            object.__setattr__(stand_in, "_live_attach", self.classes["always"](self._instead_of(name, before)))
            if sys.__dict__.get(name, _ABSENT) is stand_in:
                if before is _ABSENT:
                    del sys.__dict__[name]
                else:
                    sys.__dict__[name] = before
        self._put_back_retired()

    def _put_back_retired(self) -> None:
        """Where somebody has put a stand-in back that was in ``sys`` once, and is out of use now."""
        for name in _ALL:
            present = sys.__dict__.get(name)
            if type(present) in self._kinds and not self._is_placed(present):
                sys.__dict__[name] = self._program_s(present)

    def _program_s(self, present: Any) -> Any:
        """`present`, or what it stands for if it is a stand-in out of use."""
        while type(present) in self._kinds and not self._is_placed(present):
            present = object.__getattribute__(present, "_live_attach")()
        return None if type(present) is self.classes["Nowhere"] else present

    def originals(self) -> dict[str, Any]:
        """What the stand-ins that are in place now stand for."""
        return {name: before for name, stand_in, before in self._placed if sys.__dict__.get(name) is stand_in}

    def enter(self, own: Any) -> Any:
        """From now on this thread meets `own`; returns what it has met so far."""
        ident = self.ident()
        before = self._own.get(ident)
        self._own[ident] = own
        return before

    def leave(self, ident: int = 0, back_to: Any = None) -> None:
        """This thread, or `ident`, meets `back_to`, or the program's."""
        ident = ident or self.ident()
        if back_to is None:
            self._own.pop(ident, None)
        else:
            self._own[ident] = back_to

    def _placed_for(self, name: str, present: Any) -> Any:
        """The stand-in for `present`: the one of before, if the program has taken that away and put it back."""
        for known, stand_in, before in self._placed:
            if known == name and before is present:
                return stand_in
        stand_in = self._stand_in(name, present)
        self._placed.append((name, stand_in, present))
        return stand_in

    def _stand_in(self, name: str, present: Any) -> Any:
        own, ident, instead = self._own, self.ident, self._instead_of(name, present)
        nothing: dict[str, Any] = {}

        def choose() -> Any:
            return own.get(ident(), nothing).get(name, instead)

        if name == "argv":
            return self.classes["Arguments"](choose)
        kept = sys.__dict__.setdefault(_KEPT, []) if _MUST_KEEP else []
        for version, original, stand_in in kept:
            if version == __version__ and original is present and not self._is_placed(stand_in):
                object.__setattr__(stand_in, "_live_attach", choose)
                return stand_in
        stand_in = self.classes["Stream"](choose)
        kept.append((__version__, present, stand_in))
        del kept[:-_MOST_KEPT]
        return stand_in

    def _is_placed(self, candidate: Any) -> bool:
        return any(candidate is stand_in for _, stand_in, _ in self._placed)

    def _instead_of(self, name: str, present: Any) -> Any:
        """What the other threads meet."""
        if name == "argv":
            return present if isinstance(present, list) else []
        return self.classes["Nowhere"]() if present is None or present is _ABSENT else present


def stand_ins(importer: Any) -> StandIns:
    """Those of this process, of which there is one set for everything that the agent does."""
    if not _shared:
        ident = importer.native(_thread, "get_ident", "get_native_id")  # only told apart, never handed out
        _shared.append(StandIns(ident, importer.alone("attach_agent.stand_in")))
    return _shared[0]


_shared: list[StandIns] = []


class Output(_io._BufferedIOBase):
    """What a run writes: bytes, handed to `put` by its own thread, and by any other to the program's stream `instead`.

    `is_own` says whether this thread, now, is the run's.
    """

    def __init__(self, name: str, put: Callable[[bytes], None], is_own: Callable[[], bool], instead: Any) -> None:
        self.name = name
        self._put = put
        self._is_own = is_own
        self._instead = instead

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("write to closed file")
        data = bytes(data)
        if self._is_own():
            self._put(data)
        elif self._instead is not None:
            self._instead.write(data.decode(_ENCODING, "replace"))
        return len(data)


class Ownership:
    """Whether the thread and process of a run are what runs now, and the run has not ended."""

    def __init__(self, ident: Callable[[], int]) -> None:
        self._ident = ident
        self._thread: int | None = ident()
        self._process = posix.getpid()

    def __call__(self) -> bool:
        return self._thread == self._ident() and self._process == posix.getpid()

    def end(self) -> None:
        self._thread = None


def own_streams(
    put: Callable[[int, bytes], None], is_own: Callable[[], bool], instead: dict[str, Any]
) -> dict[str, Any]:
    """``stdin`` at its end, ``stdout`` and ``stderr`` whose bytes go to `put` at once and in order."""

    def output(number: int, name: str, errors: str) -> Any:
        binary = Output("<%s>" % name, lambda data: put(number, data), is_own, instead.get(name))
        stream: Any = _io.TextIOWrapper(binary, _ENCODING, errors, "\n", False, True)
        stream.mode = "w"
        return stream

    stdin: Any = _io.TextIOWrapper(_io.BytesIO(), _ENCODING)
    stdin.mode = "r"
    # the error handlers are Python's own choice for these streams where the locale says nothing (PEP 538)
    return {
        "stdin": stdin,
        "stdout": output(STDOUT, "stdout", "surrogateescape"),
        "stderr": output(STDERR, "stderr", "backslashreplace"),
    }
