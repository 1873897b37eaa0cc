"""One thing that was looked at, for `attach doctor`."""

from dataclasses import dataclass, field
from typing import Any

from attach.errors import AttachError, MethodUnavailable

OK, WARNING, NO = "ok", "warning", "no"


@dataclass(frozen=True)
class Finding:
    """What was found `about` something, in a sentence.

    `level` is `OK`, `WARNING` (it works, but) or `NO` (it does not); `error` is then the one an attach would raise.
    `facts` are the same in plain values, for programs. `minor`: only for those who look closer. Texts may hold the
    target's words: escape them before they reach a terminal.
    """

    about: str
    level: str
    text: str
    error: AttachError | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    minor: bool = False


def refused(about: str, error: AttachError, **facts: Any) -> Finding:
    """The finding for what makes an attach fail, or that way of it."""
    text = error.why if isinstance(error, MethodUnavailable) else error.message
    return Finding(about, NO, text, error, facts)
