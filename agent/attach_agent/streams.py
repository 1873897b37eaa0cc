"""``sys.stdin``, ``sys.stdout``, ``sys.stderr`` and ``sys.argv`` while code of an operator runs.

Each is replaced by a stand-in that looks at the thread: one that runs an operator's code meets that run's own, every
other thread meets the program's, with all its attributes. When the last run has ended the program's come back. Who kept
a stand-in meanwhile has the program's in it for ever.
"""

from __future__ import annotations

import _io
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: A program may have taken one of them away.
_ABSENT = object()

STDOUT, STDERR = 1, 2
_ENCODING = "utf-8"


class StandIns:
    """The stand-ins of one process. `ident` tells threads apart, greenlets not."""

    def __init__(self, ident: Callable[[], int]) -> None:
        self._ident = ident
        #: thread -> what it meets instead of the program's: name in ``sys`` -> object
        self._own: dict[int, dict[str, Any]] = {}
        #: (name, stand-in, what was there), oldest first
        self._placed: list[tuple[str, Any, Any]] = []

    def place(self) -> None:
        """Put stand-ins where none of ours is; others may have been put on top of those that we have."""
        for name, make in (("stdin", Stream), ("stdout", Stream), ("stderr", Stream), ("argv", Arguments)):
            present = sys.__dict__.get(name, _ABSENT)
            if not any(present is stand_in for _, stand_in, _ in self._placed):
                stand_in = make(self._chooser(name, present))
                self._placed.append((name, stand_in, present))
                sys.__dict__[name] = stand_in

    def remove(self) -> None:
        """Put the program's back, but where somebody else has replaced ours meanwhile."""
        while self._placed:
            name, stand_in, before = self._placed.pop()
            if sys.__dict__.get(name, _ABSENT) is stand_in:
                if before is _ABSENT:
                    del sys.__dict__[name]
                else:
                    sys.__dict__[name] = before

    def originals(self) -> dict[str, Any]:
        """What the stand-ins that are in place now stand for."""
        return {name: before for name, stand_in, before in self._placed if sys.__dict__.get(name) is stand_in}

    def enter(self, own: dict[str, Any]) -> None:
        """From now on this thread meets `own`."""
        self._own[self._ident()] = own

    def leave(self) -> None:
        self._own.pop(self._ident(), None)

    def _chooser(self, name: str, present: Any) -> Callable[[], Any]:
        if name == "argv":
            there: Any = present if isinstance(present, list) else []
        else:
            there = Nowhere() if present is None or present is _ABSENT else present
        own, ident, nothing = self._own, self._ident, {}  # type: ignore[var-annotated]
        return lambda: own.get(ident(), nothing).get(name, there)


class Nowhere:
    """For a program without this stream: what it writes goes nowhere, as with ``print`` where the stream is None."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass

    def __bool__(self) -> bool:
        return False


class Stream:
    """A stand-in for a stream. Only what the language looks up in the type is written out here."""

    __slots__ = ("_live_attach",)

    def __init__(self, choose: Callable[[], Any]) -> None:
        object.__setattr__(self, "_live_attach", choose)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._live_attach().__class__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._live_attach(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._live_attach(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._live_attach(), name)

    def __dir__(self) -> Any:
        return dir(self._live_attach())

    def __repr__(self) -> str:
        return repr(self._live_attach())

    def __bool__(self) -> bool:
        return bool(self._live_attach())

    def __iter__(self) -> Any:
        return iter(self._live_attach())

    def __next__(self) -> Any:
        return next(self._live_attach())

    def __enter__(self) -> Any:
        return self._live_attach().__enter__()

    def __exit__(self, *error: Any) -> Any:
        return self._live_attach().__exit__(*error)


class Arguments(list):  # type: ignore[type-arg]
    """A stand-in for ``sys.argv``: a list, for those that insist, which itself holds the program's arguments."""

    def __init__(self, choose: Callable[[], list[Any]]) -> None:
        super().__init__(choose())
        self._live_attach = choose

    def __reduce_ex__(self, protocol: Any) -> Any:
        return list, (list(self._live_attach()),)

    def __radd__(self, other: Any) -> Any:
        return other + self._live_attach()


def _passing_on(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        return getattr(self._live_attach(), name)(*args, **options)

    return method


_NAMES = (
    *("__getitem__", "__setitem__", "__delitem__", "__iter__", "__reversed__", "__len__", "__contains__", "__repr__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__add__", "__mul__", "__rmul__"),
    *("append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"),
)
for _name in _NAMES:
    setattr(Arguments, _name, _passing_on(_name))


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
