"""What `Coverage.start` is told, checked: an operator of another version may send anything."""

from __future__ import annotations

import sys

from ..errors import AgentError
from .scope import Scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .tracer.plugins import Wanted

    Pairs = tuple[tuple[str, Any], ...]

#: The options of `Coverage.start` that choose files, with what they are when not given.
_SCOPE_OPTIONS = (("source_dirs", ()), ("source_pkgs", ()), ("include", ()), ("omit", ()), ("pylib", False))

#: All that choose what is recorded.
_OPTIONS = (*_SCOPE_OPTIONS, ("branch", False))


def core_for(core: str, branch: bool, plugins: bool) -> str:
    """The core to use: with ``auto`` the best for this version of Python and what is measured.

    Only the C tracer asks `plugins`.
    """
    events = getattr(getattr(sys, "monitoring", None), "events", None)
    if branch:
        from .branches import is_known

        monitoring = hasattr(events, "BRANCH_LEFT") and is_known()
    else:
        monitoring = events is not None
    if core == "auto":
        return "monitoring" if monitoring and not plugins else "ctracer"
    available = {"ctracer": True, "monitoring": monitoring, "probes": events is None and not branch}
    if available.get(core):
        return core
    version = "%d.%d" % sys.version_info[:2]
    what = "branches" if branch else "lines"
    raise AgentError("core-unavailable", "the core %s cannot measure %s of Python %s" % (core, what, version))


def checked(given: dict[str, Any]) -> Pairs:
    """What chooses what is recorded, with defaults, in a fixed order."""
    chosen = []
    for name, default in _OPTIONS:
        value = given.pop(name, default)
        if isinstance(default, bool):
            sound = isinstance(value, bool)
        else:
            sound = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        if not sound:
            raise AgentError("bad-option", "the option %s has a value of the wrong kind" % name)
        chosen.append((name, value))
    if given:
        raise AgentError("bad-option", "there is no option %s" % ", ".join(sorted(given)))
    return tuple(chosen)


def checked_plugins(given: Any) -> Wanted:
    """Pairs of a module and of pairs of texts, which are its options."""
    try:
        wanted = tuple((name, tuple((key, value) for key, value in options)) for name, options in given)
        texts = [text for name, options in wanted for text in (name, *(item for pair in options for item in pair))]
    except (TypeError, ValueError):
        texts = [None]
    if not all(isinstance(text, str) for text in texts):
        raise AgentError("bad-option", "the option plugins has a value of the wrong kind")
    return wanted


def is_bounded(chosen: Pairs) -> bool:
    """Does the operator say where what is measured ends?"""
    given = dict(chosen)
    return bool(given["source_dirs"] or given["source_pkgs"] or given["include"])


def scope_of(chosen: Pairs, program: tuple[tuple[str, str], ...]) -> Scope:
    """The files to measure; `program` are the places of `installed_program`. Raises AgentError ``bad-option``."""
    given = dict(chosen)
    try:
        return Scope(program=[place for _, place in program], **{name: given[name] for name, _ in _SCOPE_OPTIONS})
    except (ValueError, OverflowError, RecursionError) as error:
        raise AgentError("bad-option", "a pattern cannot be compiled: %s" % error) from None
