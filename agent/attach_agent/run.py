"""Code of an operator, run in the target: in a thread of its own, with its own streams and arguments.

An operator starts one run over a connection and fetches its output over the same one. When that connection ends before
the run does, the code gets a KeyboardInterrupt, as a program whose terminal is gone.
"""

from __future__ import annotations

import _thread
import posix
import sys

from .aftermath import forget_hub, forget_thread
from .errors import AgentError
from .interrupts import Interrupts
from .source import OperatorSource
from .streams import STDERR, Ownership, own_streams, stand_ins
from .tracebacks import formatted, show_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: A run that prints waits while so many bytes have not been fetched, what a piece costs besides its content included.
MOST_WAITING = 4 << 20
COST = 100
#: Output is taken in pieces of this size, and handed out in answers of about that.
PIECE = 1 << 16
ANSWER = 1 << 20

#: How a run ended: to its end or by sys.exit(0), by another sys.exit, by an exception, by a KeyboardInterrupt.
DONE, EXIT, EXCEPTION, INTERRUPTED = "done", "exit", "exception", "interrupted"


class Runs:
    """The runs of this process, by the connection over which each was started."""

    def __init__(self, importer: Any, threads: set[int], lock: Any) -> None:
        self.native = importer.native
        self.importer = importer
        self.threads = threads
        self.lock = lock
        self.stand_ins = stand_ins(importer)
        self.ident = self.stand_ins.ident
        self.active: set[Run] = set()
        self.of_connection: dict[Any, Run] = {}

    def start(self, connection: Any, source: bytes, text: str, filename: str, argv: tuple[str, ...]) -> None:
        """Run `source` as Python runs a file `filename` with these ``sys.argv``; `text` is the source to show."""
        self.begin(connection, Run(self, source, text, filename, list(argv)))

    def begin(self, connection: Any, run: Run) -> None:
        """Start its thread; AgentError ``no-thread`` if there can be none."""
        if connection in self.of_connection:
            raise AgentError("agent-failed", "one connection carries one run")
        with self.lock:
            self.stand_ins.place(self)
            self.active.add(run)
        self.of_connection[connection] = run
        try:
            run.ident = self.native(_thread, "start_new_thread", "start_new")(run.thread, ())
        except BaseException as error:
            self.of_connection.pop(connection)
            self.ended(run)
            raise AgentError("no-thread", "no thread could be started: %s" % error) from None
        run.started.release()

    def read(self, connection: Any, seconds: float) -> tuple[tuple[tuple[int, bytes], ...], str]:
        """Output that was not fetched yet, waited for `seconds` at most, and how the run ended when that was all."""
        return self.of_connection[connection].read(seconds)

    def interrupt(self, connection: Any) -> str:
        """KeyboardInterrupt in the code; returns why not if that is impossible."""
        return self.of_connection[connection].interrupts.send()

    def connection_ended(self, connection: Any) -> None:
        """Nobody fetches any more: what is written from now on is dropped."""
        run = self.of_connection.pop(connection, None)
        if run is not None:
            run.lost()

    def ended(self, run: Run) -> None:
        """The last one puts everything back."""
        with self.lock:
            self.active.discard(run)
            if not self.active:
                self.stand_ins.remove(self)

    def close(self) -> None:
        """In a forked child, to which the threads of the runs did not come along."""
        self.stand_ins.remove(self)


class Run:
    """One run. `thread` is its thread, everything else is called by the operator's."""

    def __init__(self, runs: Runs, source: bytes, text: str, filename: str, argv: list[str]) -> None:
        self.runs = runs
        self.source, self.text, self.filename, self.argv = source, text, filename, argv
        self.interrupts = Interrupts()
        #: (stream, bytes): the thread appends, one reader takes away; both are atomic, so an interrupt breaks nothing
        self.output: list[tuple[int, bytes]] = []
        self.written = self.fetched = 0
        self.news = runs.native(_thread, "allocate_lock", "allocate")()
        self.news.acquire()
        self.never = runs.native(_thread, "allocate_lock", "allocate")()
        self.never.acquire()
        self.started = runs.native(_thread, "allocate_lock", "allocate")()
        self.started.acquire()
        self.ident = 0
        #: what the other threads have for streams
        self.instead: dict[str, Any] = {}
        #: what takes our lines out of the caches of sources again
        self.forget: list[Callable[[], None]] = []
        self.how = ""
        self.cut = False

    def read(self, seconds: float) -> tuple[tuple[tuple[int, bytes], ...], str]:
        if not self.output and not self.how:
            self.news.acquire(True, min(max(seconds, 0.0), 1.0))
        how = self.how  # before the output, which is complete once this is set
        count = size = 0
        parts: list[tuple[int, list[bytes]]] = []
        for stream, data in self.output[:ANSWER]:
            if size >= ANSWER:
                break
            count += 1
            size += len(data) + COST
            if not parts or parts[-1][0] != stream:
                parts.append((stream, []))
            parts[-1][1].append(data)
        del self.output[:count]
        self.fetched += size
        joined = tuple([(stream, b"".join(pieces)) for stream, pieces in parts])
        return joined, "" if self.output else how

    def put(self, stream: int, data: bytes) -> None:
        """In the run's thread: wait while too much is waiting. An interrupt may come between any two lines."""
        for at in range(0, len(data), PIECE):
            while self.written - self.fetched >= MOST_WAITING and not self.cut:
                self.never.acquire(True, 0.02)
            if self.cut:
                return
            piece = data[at : at + PIECE]
            self.written += len(piece) + COST
            self.output.append((stream, piece))
            self.tell()

    def tell(self) -> None:
        try:
            self.news.release()
        except RuntimeError:  # told already, and not heard yet
            pass

    def lost(self) -> None:
        """The operator is gone, and the code is told to stop."""
        self.cut = True
        self.interrupts.send()

    # ---- the thread ----

    def thread(self) -> None:
        self.started.acquire()  # from here on `ident` is known
        tid = _thread.get_native_id()
        self.runs.threads.add(tid)
        had_threading = "threading" in sys.modules
        self.is_own = Ownership(self.runs.ident)
        how = INTERRUPTED
        try:
            try:
                how = self.work()
            finally:
                self.interrupts.end()
        except BaseException as error:  # an interrupt, too late for the code and too early for the line above
            self.interrupts.end()
            if not isinstance(error, KeyboardInterrupt):
                how = EXCEPTION
                self.report(formatted(error, None))
        if not self.is_own():
            end_child(how)
        self.is_own.end()
        for forget in self.forget:
            forget()
        try:
            forget_thread(self.ident, had_threading)
            forget_hub()
        except Exception:  # a threading or gevent unlike those we know: what it keeps of our thread does no harm
            pass
        self.runs.stand_ins.leave()
        self.runs.ended(self)
        self.how = how
        self.tell()
        self.runs.threads.discard(tid)

    def work(self) -> str:
        """Run the code; returns how it ended. From `begin` on an interrupt may come between any two lines."""
        self.take_streams()
        self.show_lines(sys.modules.get("linecache"))
        unblock_signals()
        try:
            self.interrupts.begin(self.ident)
            self.execute()
        except SystemExit as error:
            status, text = exited(error)
            self.report(text)
            return EXIT if status else DONE
        except BaseException as error:
            try:
                import traceback
            except Exception:  # an import hook of the program forbids it
                traceback = None  # type: ignore[assignment]
            self.show_lines(sys.modules.get("linecache"))
            self.report(formatted(error, traceback))
            return INTERRUPTED if isinstance(error, KeyboardInterrupt) else EXCEPTION
        return DONE

    def take_streams(self) -> None:
        self.instead = self.runs.stand_ins.originals()
        streams = own_streams(self.put, self.is_own, self.instead)
        self.runs.stand_ins.enter(dict(streams, argv=self.argv))

    def report(self, text: bytes) -> None:
        """To stderr, whatever the code did to that: here, or in a child that it forked, to the program's own."""
        if self.is_own():
            self.put(STDERR, text)
        else:
            try:
                self.instead["stderr"].write(text.decode("utf-8", "replace"))
            except Exception:  # there is nobody else to tell
                pass

    def show_lines(self, linecache: Any) -> None:
        if linecache is not None:
            self.forget.append(show_lines(linecache, self.filename, self.text))

    def execute(self) -> None:
        """In a namespace of its own, which is the code's to keep: what it puts into the program may need it."""
        namespace = {
            "__name__": "__main__",
            "__doc__": None,
            "__package__": None,
            "__loader__": OperatorSource(self.text),
            "__spec__": None,
            "__builtins__": sys.modules["builtins"],
        }
        if self.filename[:1] != "<":
            namespace["__file__"] = self.filename
        exec(compile(self.source, self.filename, "exec", 0, True), namespace)


def exited(error: SystemExit) -> tuple[int, bytes]:
    """(exit status, what is printed), as Python does (Python/pythonrun.c, handle_system_exit)."""
    if error.code is None:
        return 0, b""
    if isinstance(error.code, int):
        return int(error.code != 0), b""
    try:
        return 1, ("%s\n" % (error.code,)).encode("utf-8", "backslashreplace")
    except Exception:  # of its __str__
        return 1, b"\n"


def end_child(how: str) -> None:
    """A child that the code forked has come to the end of the code: nothing else runs in it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # there is nobody to tell
            pass
    posix._exit(how != DONE)


def unblock_signals() -> None:
    """The signals of the process's main thread: ours are blocked, and a program started here would inherit that.

    Importing ``_signal`` where nobody has would have SIGINT raise KeyboardInterrupt there: see boot.py.
    """
    signal = sys.modules.get("_signal")
    if signal is None:
        return
    try:
        descriptor = posix.open("/proc/self/status", posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            status = posix.read(descriptor, 1 << 16)
        finally:
            posix.close(descriptor)
        blocked = int(status.partition(b"\nSigBlk:")[2].split()[0], 16)
    except (OSError, ValueError, IndexError):
        blocked = 0
    signal.pthread_sigmask(signal.SIG_SETMASK, [n for n in range(1, 65) if blocked >> (n - 1) & 1])
