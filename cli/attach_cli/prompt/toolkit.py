"""A line by prompt_toolkit, where it is installed: ``pip install 'live-attach[prompt]'``. ImportError if it is not."""

from __future__ import annotations

import contextlib
from asyncio import AbstractEventLoop
from collections.abc import Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth

from attach_cli import console
from attach_cli.prompt import editor
from attach_cli.prompt.history import History


class Toolkit:
    """As `attach_cli.prompt.editor.Readline`, with a menu of completions and a search that shows what it finds."""

    interactive = True

    def __init__(self, history: History, complete: editor.Completer) -> None:
        self._history = history
        lines = InMemoryHistory()
        for line in history.lines:
            lines.append_string(line)
        self._session: PromptSession[str] = PromptSession(
            history=lines,
            completer=_Completer(complete),
            complete_while_typing=False,
            color_depth=ColorDepth.DEPTH_1_BIT if console.color() is False else None,
        )
        self._loop: AbstractEventLoop | None = None
        self._goes_on = False
        keys = KeyBindings()
        keys.add("tab", filter=Condition(self._at_indent))(_indent)
        self._session.key_bindings = keys

    def _at_indent(self) -> bool:
        """Is this where a line of a block begins? There Tab indents at once, and asks for no completion."""
        return self._goes_on and not self._session.default_buffer.document.text_before_cursor.strip()

    def read(self, prompt: str, filled: str = "") -> str:
        application = self._session.app
        application.erase_when_done = False
        self._goes_on = prompt.startswith("...")
        try:
            line: str = self._session.prompt(prompt, default=filled, pre_run=self._runs)
        finally:
            self._loop = None
        self._history.add(line)
        return line

    def _runs(self) -> None:
        self._loop = self._session.app.loop

    def wake(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it was closed in this moment
                loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        application = self._session.app
        if application.is_running and application.future is not None and not application.future.done():
            application.erase_when_done = True
            application.exit(exception=editor.Woken(application.current_buffer.text))

    def erase(self, shown: str) -> None:
        """It is erased already."""

    def ended(self) -> bool:
        return False

    def close(self) -> None: ...


def _indent(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text(editor.INDENT)


class _Completer(Completer):  # type: ignore[misc]  # where prompt_toolkit is not installed
    def __init__(self, complete: editor.Completer) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        word = before
        for at in range(len(before) - 1, -1, -1):
            if before[at] in editor.DELIMITERS:
                word = before[at + 1 :]
                break
        begin = len(before) - len(word)
        for candidate in self._complete(word, document.text, begin, len(before)):
            yield Completion(candidate, start_position=-len(word))
