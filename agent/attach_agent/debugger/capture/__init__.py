"""What the stopped thread reads and writes, and the program's own capture of it."""

from __future__ import annotations

import sys

from ...streams import STDOUT, STREAMS, stand_ins
from .running_test import RunningTest
from .thread_streams import ThreadStreams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


class Capture:
    """``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` of the thread that is stopped; all others meet the program's.

    At the prompt its output goes to the operator alone, by `put`, and its input comes from `console`, a line at a time.
    While the operator steps, its output goes to the operator and to where the program has it go. What captures by
    replacing those three, as redirect_stdout, celery and many a program do, is so suspended for the prompt and complete
    afterwards. pytest, which redirects descriptors too, is asked to suspend its capture.

    `suspend` and `resume` are called in the stopped thread. They wait for no lock.
    """

    def __init__(
        self, importer: Any, ident: Callable[[], int], put: Callable[[int, bytes], None], console: Any
    ) -> None:
        self._stand_ins = stand_ins(importer)
        self._ident = ident
        self._put = put
        self._console = console
        self._thread: ThreadStreams | None = None
        self._test = RunningTest(lambda text: put(STDOUT, text.encode("utf-8", "backslashreplace")))

    def open(self) -> None:
        """Nothing has to be looked for, or imported, before a thread is stopped."""

    def suspend(self, frame: FrameType) -> None:
        """Before each prompt, which is shown at `frame`: from here on this thread meets the operator's streams."""
        try:
            self._suspend(frame)
        except BaseException:  # raised by a signal handler of the program; every step can be done twice
            self._suspend(frame)
            raise

    def _suspend(self, frame: FrameType) -> None:
        if self._thread is None or self._thread.ident != self._ident():
            self._leave()
            self._thread = ThreadStreams(self._stand_ins, self._ident, self._put)
        thread = self._thread
        self._stand_ins.place(self, STREAMS)
        thread.stopped(self._console.readline)
        with streams_kept():
            self._test.suspend(frame, seen=thread.was_stepping)

    def resume(self, stepping: bool) -> None:
        """After it: the program's capture is on again; if `stepping`, the operator sees what is written as well."""
        try:
            self._resume(stepping)
        except BaseException:  # as above
            self._resume(stepping)
            raise

    def _resume(self, stepping: bool) -> None:
        thread = self._thread
        if thread is not None:
            thread.goes_on(stepping)
        try:
            with streams_kept():
                self._test.resume()
        finally:
            if stepping:
                self._stand_ins.place(self, STREAMS)
            else:
                self._leave()
                self._stand_ins.remove(self)

    def _leave(self) -> None:
        if self._thread is not None:
            self._thread.leave()
            self._thread = None

    def close(self) -> None:
        """Everything as before, if it is still ours; by any thread, in a forked child too, and more than once."""
        self.resume(False)


class streams_kept:
    """pytest puts back what was there when it began to capture, or its own: neither is what the program has put on top
    of that since, nor what the other threads shall meet meanwhile.
    """

    def __enter__(self) -> None:
        self._streams = [(name, sys.__dict__[name]) for name in STREAMS if name in sys.__dict__]

    def __exit__(self, *_: object) -> None:
        sys.__dict__.update(self._streams)
