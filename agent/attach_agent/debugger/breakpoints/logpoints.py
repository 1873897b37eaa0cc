"""Logpoints: a text with values of the program, made where it stands and without stopping it."""

from __future__ import annotations

import time
from itertools import islice

from ...errors import AgentError
from .conditions import shown_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

#: A line has so many characters at most.
LONGEST = 4096
#: Of a longer container only so many items are shown.
MOST_ITEMS = 200

_CLOSING = {")": "(", "]": "[", "}": "{"}


class Logpoint:
    """`text` with ``{expression!r:>10}`` in it, as in an f-string; ``{{`` and ``}}`` are braces.

    `line` gives it `max_hits` times (0: without end), and `rate` times per second (0: any). Raises AgentError
    ``bad-logpoint``.
    """

    def __init__(self, text: str, max_hits: int = 0, rate: float = 0.0) -> None:
        self._parts = _parts(text)
        self.max_hits = max_hits
        self._rate = rate
        self._room = max(rate, 1.0)
        self._asked_at = time.monotonic()
        #: how often it was given, and how often it was not for the sake of `rate`
        self.hits = self.left_out = 0
        self._not_told = 0
        self._failed: set[int] = set()

    @property
    def is_done(self) -> bool:
        return 0 < self.max_hits <= self.hits

    def line(self, frame: FrameType) -> str | None:
        """In the program's thread: the text, or None if it is not to be given. A part that fails tells why, once."""
        try:
            if self.is_done or not self._may():
                return None
            self.hits += 1
            room, pieces = LONGEST, []
            for part in self._parts:
                piece = part if type(part) is str else self._value(part, frame)
                pieces.append(piece[: room + 1])
                room -= len(piece)
                if room < 0:
                    break
            text = "".join(pieces)
            if len(text) > LONGEST:
                text = text[: LONGEST - 3] + "..."
            missed, self._not_told = self._not_told, 0
            return "%s (%d more left out)" % (text, missed) if missed else text
        except Exception:  # the stack or the memory ends here
            return None

    def _may(self) -> bool:
        if self._rate <= 0:
            return True
        now = time.monotonic()
        self._room = min(self._room + (now - self._asked_at) * self._rate, max(self._rate, 1.0))
        self._asked_at = now
        if self._room < 1.0:
            self.left_out += 1
            self._not_told += 1
            return False
        self._room -= 1.0
        return True

    def _value(self, field: Field, frame: FrameType) -> str:
        try:
            return field.text(frame)
        except Exception as error:
            if id(field) in self._failed:
                return "<%s>" % type(error).__name__
            self._failed.add(id(field))
            return "<%s>" % shown_error(error)


class Field:
    """One expression with how to show it."""

    def __init__(self, expression: str, conversion: str, specification: list[Any]) -> None:
        try:
            # in parentheses as in an f-string, so that it may begin with a space
            self.code: CodeType = compile("(%s)" % expression, "<log>", "eval", 0, True)
        except (SyntaxError, ValueError) as error:
            raise AgentError("bad-logpoint", "{%s} is no expression: %s" % (expression, error)) from None
        self.conversion = conversion
        self.specification = specification

    def text(self, frame: FrameType) -> str:
        value = _bounded(eval(self.code, frame.f_globals, frame.f_locals))
        if self.conversion == "r":
            value = repr(value)
        elif self.conversion == "a":
            value = ascii(value)
        elif self.conversion == "s":
            value = str(value)
        form = "".join(part if type(part) is str else part.text(frame) for part in self.specification)
        shown: str = format(value, form)
        return shown[: LONGEST + 1]


def _bounded(value: Any) -> Any:
    """The beginning of a long container: who shows all of it may take seconds."""
    kind = type(value)
    if kind in (list, tuple) and len(value) > MOST_ITEMS:
        return value[:MOST_ITEMS] + kind(("... (%d items)" % len(value),))
    if kind in (str, bytes) and len(value) > LONGEST:
        return value[: LONGEST + 1]
    if kind is dict and len(value) > MOST_ITEMS:
        return dict(islice(value.items(), MOST_ITEMS), **{"...": "(%d items)" % len(value)})
    if kind in (set, frozenset) and len(value) > MOST_ITEMS:
        return kind(islice(value, MOST_ITEMS)) | {"... (%d items)" % len(value)}
    return value


def _parts(text: str, depth: int = 0) -> list[Any]:
    """Texts and fields in turn."""
    parts: list[Any] = []
    plain, at = "", 0
    while at < len(text):
        char = text[at]
        if char in "{}" and text[at : at + 2] == 2 * char and not depth:
            plain += char
            at += 2
        elif char == "}":
            raise AgentError("bad-logpoint", "a single '}' is in the text; }} stands for one that is shown")
        elif char == "{":
            if depth > 1:
                raise AgentError("bad-logpoint", "expressions are nested too deeply")
            field, at = _field(text, at + 1, depth)
            parts += [plain, field]
            plain = ""
        else:
            plain += char
            at += 1
    return [part for part in (*parts, plain) if part != ""]


def _field(text: str, begin: int, depth: int) -> tuple[Field, int]:
    """The field that begins behind its brace, and where what follows begins."""
    at = _end(text, begin, "!:}")
    while text[at : at + 2] == "!=":
        at = _end(text, at + 2, "!:}")
    expression = text[begin:at]
    if not expression.strip():
        raise AgentError("bad-logpoint", "there is nothing between { and }")
    conversion = ""
    if text[at : at + 1] == "!":
        conversion = text[at + 1 : at + 2]
        if conversion not in ("r", "s", "a") or text[at + 2 : at + 3] not in (":", "}"):
            raise AgentError("bad-logpoint", "behind %s! comes one of r, s, a" % expression)
        at += 2
    specification = ""
    if text[at] == ":":
        begin = at + 1
        at = _end(text, begin, "}", quotes=False)
        specification = text[begin:at]
    return Field(expression, conversion, _parts(specification, depth + 1)), at + 1


def _end(text: str, at: int, ends: str, quotes: bool = True) -> int:
    """Where one of `ends` is next, outside of brackets and strings."""
    open_ones: list[str] = []
    quote = ""
    begin = at
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif text.startswith(quote, at):
                at += len(quote) - 1
                quote = ""
        elif quotes and char in "'\"":
            quote = char * 3 if text.startswith(char * 3, at) else char
            at += len(quote) - 1
        elif char in ends and not open_ones:
            return at
        elif char in "([{":
            open_ones.append(char)
        elif char in _CLOSING and open_ones and open_ones[-1] == _CLOSING[char]:
            open_ones.pop()
        at += 1
    raise AgentError("bad-logpoint", "the { before %r is not closed" % text[begin : begin + 20])
