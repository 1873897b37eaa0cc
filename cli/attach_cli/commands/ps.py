"""``attach ps``"""

from __future__ import annotations

import json

import click

from attach.listing import look_around
from attach_cli import console
from attach_cli.main import common_options


@click.command("ps")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common_options
def command(as_json: bool) -> None:
    """List the Python processes that you may look into: embedded and renamed ones too."""
    around = look_around()
    if as_json:
        document = {"schema": 1, "processes": [vars(p) for p in around.processes], "hidden": around.hidden}
        click.echo(json.dumps(document))
        return
    rows = [
        (str(p.pid), str(p.ppid), p.user, p.version, p.state, "yes" if p.attached else "-", p.command)
        for p in around.processes
    ]
    click.echo(console.table(rows, ("PID", "PPID", "USER", "PYTHON", "STATE", "AGENT", "COMMAND"), right=(0, 1)))
    if around.hidden:
        others = "1 other process" if around.hidden == 1 else f"{around.hidden} other processes"
        console.say(f"You may not look into {others}. See why:  attach doctor")
