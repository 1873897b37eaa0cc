"""``attach PID detach``"""

from __future__ import annotations

import click

from attach.errors import NotAttached
from attach_cli import console, saving, sessions
from attach_cli.main import joining_options


@click.command("detach")
@joining_options
def command() -> None:
    """Remove the agent completely: threads, descriptors, hooks, data."""
    pid = sessions.pid()
    try:
        session = sessions.join()
    except NotAttached:
        console.say(f"Process {pid} is not attached.")
        return
    if dict(dict(session.status()["coverage"]).get("saving", ())).get("active"):
        # so that we hear whether the last write went well
        saving.say_end(dict(session.coverage.stop()["saving"]))
    session.detach()
    console.say(f"Detached from process {pid}.")
