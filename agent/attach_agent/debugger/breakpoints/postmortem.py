"""An exception as pdb looks at it afterwards."""

from __future__ import annotations

import sys

from .exceptions import is_hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

#: Exceptions of a chain that are shown, as many as pdb shows (Lib/pdb.py, MAX_CHAINED_EXCEPTION_DEPTH).
LONGEST_CHAIN = 999


def subject(exception: BaseException) -> Any:
    """What ``Pdb.interaction`` is given: from Python 3.13 on the exception, whose chain ``exceptions`` then walks."""
    return exception if sys.version_info >= (3, 13) else visible(exception.__traceback__)


def chain(exception: BaseException) -> list[BaseException]:
    """What has led to it, the first cause first, and it at last; as ``exceptions`` of pdb 3.13 lists them."""
    found: list[BaseException] = []
    seen: set[int] = set()
    link: BaseException | None = exception
    while link is not None and id(link) not in seen and len(found) < LONGEST_CHAIN:
        seen.add(id(link))
        found.append(link)
        if link.__cause__ is not None:
            link = link.__cause__
        elif link.__suppress_context__:
            link = None
        else:
            link = link.__context__
    return found[::-1]


def visible(traceback: TracebackType | None) -> TracebackType | None:
    """A copy without the frames that nobody debugs, the program's own stays as it is; all of it, if nothing is left."""
    kept = []
    entry = traceback
    while entry is not None:
        if not is_hidden(entry.tb_frame):
            kept.append(entry)
        entry = entry.tb_next
    if not kept:
        return traceback
    copy: TracebackType | None = None
    kind: Any = type(kept[0])
    for entry in reversed(kept):
        copy = kind(copy, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return copy
