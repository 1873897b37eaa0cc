"""A Python prompt in the target: lines of an operator, run one after the other in a thread of its own.

It is a run like any other (``run``), which waits for a line where that comes to its end: with streams and an interrupt
of its own, and ended by the loss of the operator. No thread of the program stops for it.
"""

from __future__ import annotations

import _thread
import sys
from _contextvars import ContextVar

from ..errors import AgentError
from ..interrupts import Interrupts
from ..mailbox import Mailbox
from ..run import DONE, EXIT, INTERRUPTED, MOST_WAITING, Run, exited, unblock_signals
from ..source import OperatorSource
from ..streams import STDERR
from ..tracebacks import formatted, show_lines
from .awaiting import run_in_loop
from .completing import completions
from .displaying import Display

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..run import Runs

PROMPT = ">>> "
#: Seconds in which a completion has to be there, and that a reader waits for news.
_COMPLETING, _READING = 1.0, 1.0
#: Seconds after which a waiting prompt looks whether it is still wanted.
_LOOK = 1.0
_MOST_EVENTS = 500
#: Inputs whose lines tracebacks show: the latest.
_SOURCES = 500

#: PyCF_ALLOW_TOP_LEVEL_AWAIT (Include/cpython/compile.h), the bits of ``__future__``, and CO_COROUTINE
_AWAIT, _FUTURES, _COROUTINE = 0x2000, 0x1FE0000, 0x80


class Shells:
    """Those of this process, by number."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.open_ones: dict[int, Shell] = {}
        self.display = Display(runs.ident)
        self._last = 0
        runs.stand_ins.on_behalf = ContextVar("live_attach_shell")

    def open(self, connection: Any, module: str) -> int:
        """Begin one for the operator at this connection; `module` names the namespace, "" is one of its own.

        AgentError ``no-such-module`` if no module of that name is loaded.
        """
        found = sys.modules.get(module) if module else None
        namespace = getattr(found, "__dict__", None)
        if module and type(namespace) is not dict:
            raise AgentError("no-such-module", "no module %r is loaded" % module)
        self._last += 1
        shell = Shell(self, self._last, namespace)
        self.open_ones[shell.number] = shell
        self.display.place()
        try:
            self.runs.begin(connection, shell)
        except BaseException:
            self.closed(shell)
            raise
        return shell.number

    def read(self, number: int, seconds: float) -> tuple[tuple[Any, ...], ...]:
        """What has happened; the last event of a shell is "closed"."""
        shell = self.open_ones.get(number)
        if shell is None:
            raise AgentError("agent-failed", "there is no shell %d" % number)
        events = shell.read_events(seconds)
        if events and events[-1][0] == "closed":
            self.open_ones.pop(number, None)
        return events

    def closed(self, shell: Shell) -> None:
        """Its thread ends; it is found for as long as its last events have not been fetched."""
        if shell.cut:
            self.open_ones.pop(shell.number, None)
        if all(other.reason for other in self.open_ones.values() if other is not shell):
            self.display.remove()


class Shell(Run):
    """One prompt. `converse` and what it calls are its thread's, or its loop's; the rest is the operator's."""

    def __init__(self, owner: Shells, number: int, namespace: dict[str, Any] | None) -> None:
        super().__init__(owner.runs, b"", "", "<attach shell>", [""])
        self.owner = owner
        self.number = number
        self.namespace = _own_namespace() if namespace is None else namespace
        self._borrowed = namespace is not None
        #: why it is over, "" before
        self.reason = ""
        self._new_lock = owner.runs.native(_thread, "allocate_lock", "allocate")
        self.events, self._lines = Mailbox(self._new_lock), Mailbox(self._new_lock)
        #: what the streams know its thread by
        self._own = 0
        self._waiting_text = 0
        self._evaluation: Interrupts | None = None
        self._flags = _AWAIT
        self._inputs = 0

    # ---- the operator ----

    def feed(self, text: str) -> None:
        """The statement that was asked for."""
        self._lines.put(("line", text))

    def interrupt(self) -> str:
        """KeyboardInterrupt in what is evaluated; "idle" if nothing is, else why it cannot be, or ""."""
        interrupts = self._evaluation
        return "idle" if interrupts is None else interrupts.send()

    def complete(self, text: str, _line: str, _begin: int, _end: int) -> tuple[str, ...]:
        """What the word `text` may become; nothing while something is evaluated, or if that takes too long."""
        if self._evaluation is not None or self.reason:
            return ()
        reply = Mailbox(self._new_lock)
        self._lines.put(("complete", text, reply))
        names = reply.take(_COMPLETING)
        if names is None:
            self.interrupt()
        return tuple(names or ())

    def read_events(self, seconds: float) -> tuple[tuple[Any, ...], ...]:
        """What has happened, waited for `seconds` at most; texts of one kind are joined. For one reader."""
        self.events.wait(min(seconds, _READING))
        found: list[Any] = []
        for event in self.events.take_all(_MOST_EVENTS):
            if event[0] in ("out", "err"):
                self._waiting_text -= len(event[1])
                if found and found[-1][0] == event[0]:
                    found[-1] = event[0], found[-1][1] + event[1]
                    continue
            found.append(event)
        return tuple(found)

    def close(self) -> None:
        """Leave the prompt; what is evaluated is interrupted."""
        self.reason = self.reason or "quit"
        self.interrupt()
        self._lines.wake()

    def lost(self) -> None:
        self.cut = True
        self.reason = self.reason or "operator lost"
        self.close()

    # ---- what it prints ----

    def put(self, stream: int, data: bytes) -> None:
        """Its own thread waits while too much is waiting. In the loop's, which must not, the rest is dropped."""
        while self._waiting_text > MOST_WAITING and not self.cut:
            if self.runs.stand_ins.thread() != self._own:
                return
            self.never.acquire(True, 0.02)
        if not self.cut:
            text = data.decode("utf-8", "backslashreplace")
            self._waiting_text += len(text)
            self.events.put(("err" if stream == STDERR else "out", text))

    def tell(self) -> None:
        """The thread is about to end."""
        self.owner.closed(self)
        self.events.put(("closed", self.reason or self.how, 0.0))

    # ---- the thread ----

    def work(self) -> str:
        self._own = self.runs.ident()
        self.runs.stand_ins.on_behalf.set(self._own)
        self.take_streams()
        unblock_signals()
        self.owner.display.enter(self._own, self.namespace, self._borrowed)
        try:
            return self.converse()
        finally:
            self.owner.display.leave(self._own)

    def converse(self) -> str:
        """Until it is closed, the code exits, or a child that it forked comes back from a statement."""
        while not self.reason:
            self.events.put(("prompt", PROMPT, ()))
            text = self._next_line()
            if text is None:
                break
            how = self._evaluate(text)
            if how:
                self.reason = self.reason or how
                return how
            if not self.is_own():
                return DONE
        return DONE

    def _next_line(self) -> str | None:
        while not self.reason:
            item = self._lines.take() if self._lines.wait(_LOOK) else None
            if item is not None and item[0] == "line":
                return str(item[1])
            if item is not None:
                item[2].put(self._interruptible(lambda text=item[1]: completions(text, self.namespace), ()))
        return None

    def _evaluate(self, text: str) -> str:
        """Run one statement; how that ended the shell, or ""."""
        try:
            self._interruptible(lambda: self._run(text), None, quiet=False)
        except SystemExit as error:
            status, message = exited(error)
            self.report(message)
            return EXIT if status else DONE
        return INTERRUPTED if self.cut else ""

    def _interruptible(self, work: Any, otherwise: Any, quiet: bool = True) -> Any:
        """What `work` returns, during which Ctrl-C interrupts it; after an exception, shown or `quiet`, `otherwise`."""
        interrupts = Interrupts()
        try:
            try:
                self._evaluation = interrupts
                interrupts.begin(self.ident)
                if self.reason:  # it was closed a moment before this could be interrupted
                    raise KeyboardInterrupt
                return work()
            finally:
                interrupts.end()
                self._evaluation = None
        except SystemExit:
            if not quiet:
                raise
        except BaseException as error:
            interrupts.finish()
            self._evaluation = None
            if not quiet:
                self._show(error)
        return otherwise

    def _run(self, text: str) -> None:
        if not text.strip():
            return
        self._inputs += 1
        name = "<attach-input-%d>" % self._inputs
        self._remember(name, text)
        code = compile(text + "\n", name, "single", self._flags, True)
        self._flags |= code.co_flags & _FUTURES
        if code.co_flags & _COROUTINE:
            run_in_loop(code, self.namespace, self.note, self._new_lock)
        else:
            exec(code, self.namespace)

    def _remember(self, name: str, text: str) -> None:
        linecache = sys.modules.get("linecache")
        if linecache is not None:
            self.forget.append(show_lines(linecache, name, text + "\n"))
            for forget in self.forget[:-_SOURCES]:
                forget()
            del self.forget[:-_SOURCES]

    def _show(self, error: BaseException) -> None:
        try:
            import traceback
        except Exception:  # an import hook of the program forbids it
            traceback = None  # type: ignore[assignment]
        self.report(formatted(error, traceback))

    def note(self, text: str) -> None:
        """A line of ours for the operator."""
        self.events.put(("note", text))


def _own_namespace() -> dict[str, Any]:
    """As of a program, with the program's ``__main__`` at hand."""
    return {
        "__name__": "__main__",
        "__doc__": None,
        "__package__": None,
        "__loader__": OperatorSource(""),
        "__spec__": None,
        "__builtins__": sys.modules["builtins"],
        "__main__": sys.modules.get("__main__"),
    }
