"""What a word at a prompt may become. As rlcompleter, but no attribute is got that is not on the way."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST = 200


def completions(text: str, namespace: dict[str, Any]) -> tuple[str, ...]:
    """For a name, or for the last of names between dots. Evaluates the names before it, which may run anything."""
    path, dot, word = text.rpartition(".")
    if dot:
        parts = path.split(".")
        if not all(part.isidentifier() for part in parts):
            return ()
        thing = namespace[parts[0]] if parts[0] in namespace else getattr(sys.modules["builtins"], parts[0])
        for part in parts[1:]:
            thing = getattr(thing, part)
        names = dir(thing)
    else:
        names = list(namespace) + dir(sys.modules["builtins"]) + list(getattr(sys.modules.get("keyword"), "kwlist", ()))
    found = {name for name in names if type(name) is str and name.startswith(word)}
    if not word.startswith("_"):
        found = {name for name in found if not name.startswith("_")} or found
    return tuple([path + dot + name for name in sorted(found)[:MOST]])
