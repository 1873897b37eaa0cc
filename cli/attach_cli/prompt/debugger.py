"""The operator's side of a debugger session: what stops and goes on is said, and Ctrl-C means what it should when."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Protocol

from attach.errors import EXIT_BUSY, EXIT_FAILED, EXIT_TIMEOUT, DebugError, NothingStopped, ThreadBlocked
from attach_cli import console
from attach_cli.prompt.arrivals import Event
from attach_cli.prompt.dialogue import Dialogue, Talker

EXIT_INTERRUPTED = 130
#: Seconds before it is said that something is waited for, or goes on: most of the time it stops at once.
_MOMENT = 0.3
#: Seconds that what has gone on may take to stop again, after the last line of a file or a pipe.
_LAST_STOP = 1.0


class DebugTalker(Talker, Protocol):
    def stop(self, thread: str = "") -> str: ...


class Debugger(Dialogue):
    """One session. `target` says what it waits for; `wait` is how many seconds, 0 for any number.

    `patient` has it wait for a thread that is blocked, even if nobody can be asked for another one. `logs` is whether
    it only prints, so that nothing ever stops. `run` may raise NothingStopped, ThreadBlocked.
    """

    name = "debug"

    def __init__(self, talker: DebugTalker, pid: int, target: str, wait: float, *, patient: bool, logs: bool) -> None:
        super().__init__(talker)
        self.pid = pid
        #: The exit code.
        self.code = 0
        self._debug = talker
        self._target = target
        self._wait = wait
        self._patient = patient
        self._logs = logs
        self._shown = False  # of what it logs
        self._stops = 0
        self._thread = 0  # the ident of the one that stopped last
        self._running = True
        self._failed: Exception | None = None

    def run(self) -> None:
        self.later("waiting", _MOMENT, self._say_waiting)
        if self._wait:
            self.later("wait", self._wait, self._waited)
        super().run()
        if self._failed is not None:
            raise self._failed
        self._say_closed()

    # ---- what happens in the process ----

    def told(self, kind: str, values: Event) -> None:
        if kind == "stopped":
            self._stopped(values)
        elif kind == "looking":
            self._looking(values)
        elif kind == "resumed":
            self._resumed(float(values[0]))
        elif kind == "blocked":
            self._blocked(str(values[0]), str(values[1]), values[2])

    def shown(self, kind: str) -> None:
        if kind == "out" and self._logs:
            self._shown = True
            self.never("waiting")

    def _stopped(self, values: Event) -> None:
        thread, ident, file, line, function, why = values
        for name in ("waiting", "wait", "resumed", "end"):
            self.never(name)
        self._running = False
        self._stops += 1
        if why != "step" or ident != self._thread:
            cause = "" if why in ("", "stopped", "step") else f": {why}"
            self.screen.say(f"Stopped {thread} in {function}, {file}:{line}{cause}")
        if self._stops == 1:
            self.screen.say("IO of this thread is shown here; the other threads go on. Ctrl-D or q detaches.")
        self._thread = ident

    def _looking(self, values: Event) -> None:
        """--inspect: frames of a thread that runs on."""
        thread, file, line, function = values
        for name in ("waiting", "wait"):
            self.never(name)
        self.screen.say(f"{thread} was in {function}, {file}:{line}, and runs on: this is a picture of one moment.")
        if self._running:
            self.screen.say("refresh takes another one. Assignments change copies. Ctrl-D or q leaves.")
        self._running = False

    def _resumed(self, seconds: float) -> None:
        self._running = True
        what = f"Resumed after {seconds:.1f} s. Ctrl-C stops it again"
        self.later("resumed", _MOMENT, lambda: self.screen.say(what + (", twice detaches." if self._asks else ".")))
        if self._wait and not self._asks:  # lines are left, and nobody would notice that nothing stops any more
            self.later("wait", self._wait, self._waited)
        self._look_for_end()

    def _blocked(self, thread: str, where: str, rows: Sequence[tuple[str, int, str]]) -> None:
        """The thread stops only when its wait is over: the operator may choose another one."""
        self.never("waiting")
        if not (self._stops or self._asks or self._patient):
            self._failed = ThreadBlocked(self.pid, thread, where, _words(rows)[:1])
            self.leave("blocked")
            return
        self.screen.say(f"{thread} is {where}; it stops when that returns.")
        if rows and self._asks:
            self.screen.tell_table(_table(rows))
            self._choose(_words(rows))
        else:
            self.screen.say("Waiting for it. Ctrl-C gives up.")

    def _choose(self, words: list[str]) -> None:
        answer = self.ask("Stop another one? Its number or name, or Enter to wait: ")
        while answer and answer.strip():
            wanted = answer.strip()
            try:
                self._debug.stop(words[int(wanted) - 1] if wanted in map(str, range(1, len(words) + 1)) else wanted)
            except DebugError as error:
                self.screen.say(error.message)
                answer = self.ask("Which one? ")
            else:
                break
        if answer is not None:
            if self._wait:  # from now on
                self.later("wait", self._wait, self._waited)
            self.later("waiting", _MOMENT, lambda: self.screen.say("Waiting for it. Ctrl-C gives up."))

    # ---- what the operator does ----

    def interrupted(self) -> None:
        if self.evaluating or (self._running and self._stops):
            super().interrupted()
        else:  # it waits for what is armed
            self._interrupted()

    def interrupt(self) -> str:
        if self.evaluating:
            return super().interrupt()
        self.never("resumed")
        problem = self._debug.stop()
        return f"It is {problem}; it stops when that returns. Ctrl-C again to leave." if problem else ""

    def insist(self) -> None:
        """Ctrl-C twice: what was asked for does not happen."""
        answer: str | None = "d"
        if self._asks:
            answer = self.ask("Detach, or wait? [d/w] ")
        if answer is not None and answer.strip().lower()[:1] == "d":
            self._interrupted()

    def _interrupted(self) -> None:
        self.code = EXIT_INTERRUPTED
        self.never("wait")
        self.leave("interrupted")

    given_up = _interrupted

    @property
    def _asks(self) -> bool:
        return self.editor.interactive

    def _look_for_end(self) -> None:
        """Nothing can be typed any more, and it does not stop either."""
        if not self._asks and self._running and self._stops:
            if self.editor.ended():
                self.later("end", _LAST_STOP, self.at_end)
            else:
                self.later("end", _LAST_STOP, self._look_for_end)

    # ---- the end ----

    def _waited(self) -> None:
        if not self._shown:
            self._failed = NothingStopped(self.pid, self._target, self._wait)
        self.leave(f"--wait {self._wait:g}")

    def _say_waiting(self) -> None:
        limit = f", {self._wait:g} s at most" if self._wait else ""
        self.screen.say(f"Waiting for {self._target}{limit}. Ctrl-C gives up.")

    def _say_closed(self) -> None:
        reason, seconds = self.closed
        what = f"target resumed after {seconds:.1f} s" if self._stops else "nothing was stopped"
        self.screen.say(f"detached ({reason}), {what}, 0 breakpoints left")
        if self.ended_by:
            self.code = 128 + self.ended_by
        self.code = self.code or _exit_code(reason)


def _exit_code(reason: str) -> int:
    """By the reason that the session was closed for: the operator's, a limit, somebody else, a fault."""
    if reason in ("quit", "EOF", "end of input") or reason.startswith("--wait") or reason.endswith("logged"):
        return 0
    if "--" in reason:  # the option that would have given more time
        return EXIT_TIMEOUT
    return EXIT_BUSY if "another operator" in reason else EXIT_FAILED


def _words(rows: Sequence[tuple[str, int, str]]) -> list[str]:
    """By what to name each of these threads to --thread."""
    names = [str(row[0]) for row in rows]
    return [shlex.quote(name) if names.count(name) == 1 else str(row[1]) for name, row in zip(names, rows, strict=True)]


def _table(rows: Sequence[tuple[str, int, str]]) -> str:
    cells = [(str(number), str(name), str(where)) for number, (name, _, where) in enumerate(rows, 1)]
    return console.table(cells, ("", "THREAD", "WHERE"), right=(0,))
