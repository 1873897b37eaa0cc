"""``attach PID status``"""

from __future__ import annotations

import json
from typing import Any

import click

from attach.errors import NotAttached
from attach_cli import console, sessions
from attach_cli.main import attach_options


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@attach_options
def command(as_json: bool) -> None:
    """Show whether the process is attached and what is measured. Injects nothing."""
    pid = sessions.pid()
    found: dict[str, Any] = {"schema": 1, "pid": pid, "attached": False}
    try:
        session = sessions.join()
    except NotAttached:
        pass
    else:
        with session:
            status = session.status()
            hello = session.connection.hello
            found.update(
                attached=True,
                agent=hello.agent_version,
                python=".".join(map(str, hello.python)),
                attached_seconds=round(float(status["attached_seconds"]), 1),
                operators=status["operators"],
                coverage=dict(status["coverage"]) or None,
            )
    click.echo(json.dumps(found, default=str) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    if not found["attached"]:
        return [f"process {found['pid']}: not attached"]
    lines = [
        f"process {found['pid']}: CPython {found['python']}, agent {found['agent']} for "
        f"{found['attached_seconds']:.0f} s, {found['operators']} connected"
    ]
    coverage = found["coverage"]
    if coverage is None:
        lines.append("coverage: not started")
    else:
        state = "measuring" if coverage["measuring"] else "stopped"
        lines.append(
            f"coverage: {state} ({console.escaped(str(coverage['core']))}) for {coverage['seconds']:.0f} s, "
            f"{coverage['lines']} lines in {coverage['files']} files"
        )
    return lines
