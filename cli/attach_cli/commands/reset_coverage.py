"""``attach PID reset-coverage``"""

from __future__ import annotations

import click

from attach_cli import console, saving, sessions
from attach_cli.main import joining_options


@click.command("reset-coverage")
@joining_options
def command() -> None:
    """Forget what was recorded, and the names of moments. Measuring goes on."""
    pid = sessions.pid()
    with sessions.join() as session:
        status = session.coverage.reset()
    goes_on = "measuring goes on" if status["measuring"] else "it is not being measured"
    console.say(f"Forgot what ran in process {pid} so far; {goes_on}.")
    saving.say_problem(dict(status["saving"]))
