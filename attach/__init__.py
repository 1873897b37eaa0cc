"""live-attach: look into a running Python process that nobody prepared.

::

    from attach import Scope, attach

    with attach(4711) as session:
        session.coverage.start(Scope(source=["shop"]))
        ...
        measured = session.coverage.snapshot()
        session.detach()

The rooms: `attach.process` (what /proc says), `attach.inject` (getting code in), `attach.channel` (talking to the
agent), `attach.report` (coverage.py's reports), `attach.session` (all of them together), `attach.errors`. What runs in
the target is the package ``attach_agent``; the command line is ``attach_cli``.
"""

from attach.errors import AttachError
from attach.session import Scope, Session
from attach_agent.wire import __version__

attach = Session.attach

__all__ = ["AttachError", "Scope", "Session", "__version__", "attach"]
