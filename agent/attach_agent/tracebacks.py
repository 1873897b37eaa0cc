"""An exception as the target's own version of Python shows it, with the lines of code that is in no file here."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

#: The agent's own frames are no part of anybody's program.
_OWN = "<live-attach>/"


class Lines(tuple):  # type: ignore[type-arg]
    """An entry of ``linecache.cache`` (size, mtime, lines, name); without an mtime nobody looks for the file."""

    before: Any = None


def show_lines(linecache: Any, filename: str, text: str) -> Callable[[], None]:
    """Have `linecache` know the lines of `filename`; returns what takes them away again.

    A file of that name that it knows already is known again afterwards, however many runs have hidden it.
    """
    cache = linecache.cache
    entry = Lines((len(text), None, text.splitlines(True), filename))
    before = cache.get(filename)
    entry.before = before.before if type(before) is Lines else before
    cache[filename] = entry

    def forget() -> None:
        if cache.get(filename) is entry:
            if entry.before is None:
                del cache[filename]
            else:
                cache[filename] = entry.before

    return forget


def formatted(error: BaseException, traceback: Any) -> bytes:
    """What ``traceback.print_exception`` of the target would print, without the agent's frames.

    `traceback` is that module, or None in a program that cannot import it: then the essence of it.
    """
    try:
        seen: set[int] = set()
        link: BaseException | None = error
        while link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = _foreign(link.__traceback__)
            link = link.__cause__ or link.__context__
        if traceback is None:
            text = _essence(error)
        else:
            text = "".join(traceback.TracebackException(type(error), error, error.__traceback__).format())
    except BaseException as problem:  # code of the program is asked for the text: anything can happen
        text = "%s, which cannot be shown: %s\n" % (type(error).__name__, type(problem).__name__)
    return text.encode("utf-8", "backslashreplace")


def _essence(error: BaseException) -> str:
    lines = ["Traceback (most recent call last):\n"]
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        lines.append('  File "%s", line %d, in %s\n' % (code.co_filename, entry.tb_lineno, code.co_name))
        entry = entry.tb_next
    return "".join(lines) + "%s: %s\n" % (type(error).__name__, error)


def _foreign(entry: TracebackType | None) -> TracebackType | None:
    """The entries that are not the agent's: it is below the code that it runs, and above where that code prints."""
    kept = []
    while entry is not None:
        if not entry.tb_frame.f_code.co_filename.startswith(_OWN):
            kept.append(entry)
        entry = entry.tb_next
    for this, following in zip(kept, kept[1:] + [None]):
        this.tb_next = following
    return kept[0] if kept else None
