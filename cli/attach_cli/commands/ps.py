"""``attach ps``"""

from __future__ import annotations

import json

import click
from attach.listing import python_processes

from attach_cli import console
from attach_cli.main import common_options


@click.command("ps")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common_options
def command(as_json: bool) -> None:
    """List the Python processes that you may look into: embedded and renamed ones too."""
    found = list(python_processes())
    if as_json:
        click.echo(json.dumps({"schema": 1, "processes": [vars(p) for p in found]}))
        return
    rows = [
        (str(p.pid), str(p.ppid), p.user, p.version, p.state, "yes" if p.attached else "-", p.command) for p in found
    ]
    click.echo(console.table(rows, ("PID", "PPID", "USER", "PYTHON", "STATE", "AGENT", "COMMAND"), right=(0, 1)))
