"""``attach PID detach``"""

from __future__ import annotations

import click

from attach.errors import NotAttached
from attach_cli import console, sessions
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
    session.detach()
    console.say(f"Detached from process {pid}.")
