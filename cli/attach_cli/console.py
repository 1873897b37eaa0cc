"""What reaches the terminal: data on stdout, talk on stderr, and text from a target only escaped."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence

import click

from attach.errors import AttachError


def escaped(text: str) -> str:
    """Text from a target, safe for a terminal: control characters, escapes and bidi marks are shown as ``\\x1b``."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )


class Output:
    """What code in a target prints: bytes as they come, but on a terminal text, and safe as `escaped` but for lines."""

    def __init__(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {1: decoder("backslashreplace"), 2: decoder("backslashreplace")}

    def write(self, stream: int, data: bytes) -> None:
        """`stream` is 1 for stdout, 2 for stderr."""
        file = sys.stderr if stream == 2 else sys.stdout
        if file is None:  # closed before we were started
            return
        if not file.isatty():
            file.buffer.write(data)
        else:
            text = self._decoders[stream].decode(data).replace("\r\n", "\n")
            file.write("".join(part if part in ("\n", "\t") else escaped(part) for part in re.split(r"([\n\t])", text)))
        file.flush()


def color() -> bool | None:
    """Whether to colour: what the environment says (no-color.org), None to leave it to the terminal."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def say(text: str) -> None:
    """Talk: one line on stderr, unless -q was given."""
    if not quiet():
        click.echo(text, err=True)


def quiet() -> bool:
    """Whether -q was given."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get("attach.quiet"))


def can_write_over() -> bool:
    """Whether a line on stderr may be written over by the next one: it is a terminal that can do so."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def step_log() -> Callable[[str], None]:
    """What takes the steps of the work, and shows them on stderr with -v; may be called in any thread.

    click knows the options of this run in the main thread only, which is where this is called.
    """
    if not click.get_current_context().meta.get("attach.verbose"):
        return lambda text: None
    return lambda text: click.echo(click.style(f"  {escaped(text)}", dim=True), err=True, color=color())


def fail(error: AttachError) -> None:
    """An error as the user sees it: what happened, the slug to look it up by, then what to do, on stderr."""
    prefix = click.style("attach: ", fg="red", bold=True)
    slug = click.style(f"[{error.slug}]", dim=True)
    click.echo(f"{prefix}{escaped(error.message)} {slug}", err=True, color=color())
    for line in error.hint.splitlines():
        click.echo("  " + escaped(line), err=True)


def table(rows: Iterable[Sequence[str]], head: Sequence[str], right: Sequence[int] = ()) -> str:
    """Columns as wide as their widest cell; the last one as it is, cut to the terminal's width if there is one."""
    lines = [list(head), *([escaped(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    limit = terminal_width() if to_terminal() else None
    shown = []
    for line in lines:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        shown.append("  ".join(cells).rstrip()[:limit])
    return "\n".join(shown)


def show(lines: Iterable[str]) -> None:
    """Data that may be coloured, on stdout. Text from a target is escaped by the caller."""
    click.echo("\n".join(lines), color=color())


def to_terminal() -> bool:
    """Whether stdout is one."""
    return sys.stdout is not None and sys.stdout.isatty()


def terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
