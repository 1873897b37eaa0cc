"""live-attach: look into a running Python process that nobody prepared.

::

    from attach import Scope, attach

    with attach(4711) as session:
        session.coverage.start(Scope(source=["shop"]))
        ...
        measured = session.coverage.snapshot()
        session.detach()

The rooms: `attach.process` (what /proc says), `attach.inject` (getting code in), `attach.channel` (talking to the
agent), `attach.report` (coverage.py's reports), `attach.coverage` (measuring), `attach.running` (running code there),
`attach.session` (all of them together), `attach.doctor` (what would happen), `attach.errors`. What runs in the target
is the package ``attach_agent``; the command line is ``attach_cli``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attach_agent.wire import __version__

if TYPE_CHECKING:
    from attach.errors import AttachError
    from attach.project.scope import Scope
    from attach.session import Session

    attach = Session.attach

__all__ = ["AttachError", "Scope", "Session", "__version__", "attach"]


def __getattr__(name: str) -> Any:
    """PEP 562: importing the package costs nothing; rpyc and the rest come with the first session."""
    if name == "AttachError":
        from attach.errors import AttachError

        return AttachError
    if name == "Scope":
        from attach.project.scope import Scope

        return Scope
    if name in ("Session", "attach"):
        from attach.session import Session

        return Session.attach if name == "attach" else Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
