"""``attach PID stop-coverage``"""

from __future__ import annotations

import click

from attach_cli import console, saving, sessions
from attach_cli.main import joining_options


@click.command("stop-coverage")
@click.option("--discard", is_flag=True, help="Forget what was recorded.")
@joining_options
def command(discard: bool) -> None:
    """Stop measuring. What was recorded stays for snapshots until detach."""
    pid = sessions.pid()
    with sessions.join() as session:
        status = session.coverage.stop(discard=discard)
    console.say(f"Stopped measuring process {pid}.")
    saving.say_end(dict(status["saving"]))
    console.say(f"Leave it with:  attach {pid} detach" if discard else f"See what ran with:  attach {pid} snapshot")
