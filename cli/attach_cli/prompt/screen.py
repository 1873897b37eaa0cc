"""What a prompt's output looks like on a terminal: safe, whole lines, and never over what is being typed."""

from __future__ import annotations

import re
import sys
from typing import TextIO

import click

from attach_cli import console

#: Text, then a newline, a tab, or a colour: a sequence that does nothing but set bold, underline and the foreground
#: (ECMA-48, SGR), as pdb's own from 3.14 on.
_PART = re.compile(r"(\n|\t|\x1b\[(?:(?:[01347]|2[2347]|3[0-79]|9[0-7])(?:;(?:[01347]|2[2347]|3[0-79]|9[0-7]))*)?m)")
_RESETS = ("\x1b[0m", "\x1b[m")


def safe(text: str, *, color: bool) -> str:
    """Text from a process for a terminal: newlines and tabs as they are, colours if `color`, all else escaped."""
    parts = _PART.split(text.replace("\r\n", "\n"))
    colored = False
    for at, part in enumerate(parts):
        if not part.startswith("\x1b") or not at % 2:
            parts[at] = part if at % 2 else console.escaped(part)
        elif color:
            colored = part not in _RESETS
        else:
            parts[at] = console.escaped(part)
    shown = "".join(parts)
    if not colored:
        return shown
    end = "\n" if shown.endswith("\n") else ""
    return shown.removesuffix("\n") + _RESETS[0] + end


class Screen:
    """stdout for what the process says, stderr for ours. Knows whether a line has begun there."""

    def __init__(self) -> None:
        self.color = console.color()
        if self.color is None:
            self.color = console.to_terminal()
        self._begun: TextIO | None = None

    def write(self, text: str, *, error: bool = False) -> None:
        """Output of the process: as it is into a file or a pipe, `safe` on a terminal."""
        file = sys.stderr if error else sys.stdout
        if file is None or not text:
            return
        if file.isatty():
            self._begun = None if text.endswith("\n") else file
            text = safe(text, color=bool(self.color))
        else:
            # bytes that are no text in this locale are no reason to fail
            text = text.encode(file.encoding, "backslashreplace").decode(file.encoding)
        file.write(text)
        file.flush()

    def say(self, text: str) -> None:
        """One line of talk, on a line of its own."""
        self.new_line()
        console.say(console.escaped(text))

    def tell_table(self, table: str) -> None:
        """A table by `console.table`, which escapes: to be chosen from, so with -q too."""
        self.new_line()
        click.echo(table, err=True)

    def new_line(self) -> None:
        """End the line that has begun, if one has."""
        if self._begun:
            self._begun.write("\n")
            self._begun.flush()
            self._begun = None

    def end_line(self) -> None:
        """The cursor stands behind a prompt, and goes to a new line."""
        click.echo(err=not console.to_terminal())
