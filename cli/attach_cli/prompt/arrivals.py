"""What happens to a conversation, in one queue for the main thread: what the process says, and signals."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attach_cli import console

#: An event: its kind, and what belongs to it.
Event = tuple[Any, ...]
#: Seconds that one question for more events waits for some.
PATIENCE = 10.0
#: Seconds after which the main thread is woken again, if it has not taken what there is.
_AGAIN = 0.05
#: Seconds after which a signal that is not dealt with shows that the process does not answer.
_STUCK = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT)


class Ended(Exception):
    """SIGTERM or SIGHUP asks us to leave at once."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Arrivals:
    """`fetch` asks the process for events, for so many seconds at most; `wake` ends the reading of a line, if it can.

    A signal is an event ("signal", number), and a failure of `fetch` the event ("lost", exception).
    """

    def __init__(self, fetch: Callable[[float], list[Event]], wake: Callable[[], None]) -> None:
        #: Whether the main thread reads a line, and is to be woken when something comes.
        self.reading = False
        self._fetch = fetch
        self._wake = wake
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._ahead: list[Event] = []  # taken from the queue, and put back
        self._news: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._over = threading.Event()
        self._undone: list[float] = []  # when signals came that are not dealt with yet
        self._told = False

    # ---- for the main thread ----

    def take(self, seconds: float | None = None) -> Event | None:
        """The next event, waited for; None after so many seconds without one."""
        if self._ahead:
            return self._ahead.pop(0)
        try:
            return self._events.get(timeout=seconds)
        except queue.Empty:
            return None

    def take_at_once(self) -> Event | None:
        """The next event, if there is one."""
        return None if self._events.empty() else self._events.get()

    def put_back(self, event: Event) -> None:
        """It is the one that `take` gives next."""
        self._ahead.append(event)

    def dealt_with(self) -> None:
        """The signals that came so far have had their effect."""
        self._undone.clear()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Events arrive for as long as the block lasts."""
        before = {}
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in nohup(1), and in the background of a script
                before[number] = signal.signal(number, self._signalled)
        try:
            waking = self._start_threads()
            try:
                yield
            finally:
                self._over.set()
                self._news.put(False)
                waking.join()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start_threads(self) -> threading.Thread:
        """Start the one that fetches, and the one that wakes, which is returned.

        They block the signals: one that the kernel gave to them would not end the main thread's waiting (signal(7)).
        """
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            threading.Thread(target=self._fetch_all, name="events", daemon=True).start()
            waking = threading.Thread(target=self._wake_reader, name="waking", daemon=True)
            waking.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return waking

    # ---- elsewhere ----

    def _arrived(self, event: Event) -> None:
        """In any thread, and in a signal handler (SimpleQueue is reentrant)."""
        self._events.put(event)
        self._news.put(True)

    def _fetch_all(self) -> None:
        try:
            while True:
                for event in self._fetch(PATIENCE):
                    self._arrived(event)
                    if event[0] == "closed":
                        return
        except Exception as error:
            self._arrived(("lost", error))

    def _wake_reader(self) -> None:
        """Wake the main thread, again and again: in readline it may be in a place where it does not notice."""
        while self._news.get():
            while self.reading and not self._events.empty():
                self._wake()
                if self._over.wait(_AGAIN):
                    return

    def _signalled(self, number: int, _frame: object) -> None:
        """A signal is an event. When such events are not dealt with, as the process does not answer, it ends us."""
        if number != signal.SIGCONT:  # which has the line drawn anew
            self._undone.append(time.monotonic())
            if self._undone[-1] - self._undone[0] > _STUCK:
                if self._told:
                    raise KeyboardInterrupt if number == signal.SIGINT else Ended(number)
                self._told = True
                console.say("\nattach: the process does not answer; Ctrl-C once more leaves it")
        self._arrived(("signal", number))
