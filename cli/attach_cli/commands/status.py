"""``attach PID status``"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from attach.channel.connection import as_dict
from attach.errors import NotAttached
from attach_cli import console, saving, sessions
from attach_cli.commands import debug
from attach_cli.main import joining_options


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@joining_options
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
            coverage = dict(status["coverage"]) or None
            if coverage:
                coverage["saving"] = dict(coverage["saving"])
            settings = session.coverage.settings() if coverage else None
            hello = session.connection.hello
            found.update(
                attached=True,
                agent=hello.agent_version,
                python=".".join(map(str, hello.python)),
                attached_seconds=round(float(status["attached_seconds"]), 1),
                operators=status["operators"],
                coverage=coverage,
                configuration=settings and settings.summary(),
                running=int(status["running"]),
                debug=as_dict(status.get("debug", ())) or None,
            )
    click.echo(json.dumps(found, default=str) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    if not found["attached"]:
        return [f"process {found['pid']}: not attached"]
    others = found["operators"] - 1
    lines = [
        f"process {found['pid']}: CPython {found['python']}, agent {found['agent']} for "
        f"{found['attached_seconds']:.0f} s" + (f", {others} more connected" if others > 0 else "")
    ]
    coverage = found["coverage"] or {}
    branch = bool(dict(coverage.get("scope", ())).get("branch"))
    what = "lines and branches" if branch else "lines"
    recorded = (
        f"{coverage.get('lines', 0)} {'steps' if branch else 'lines'} recorded in {_files(coverage.get('files', 0))}"
    )
    if coverage.get("measuring"):
        core = console.escaped(str(coverage["core"]))
        lines.append(f"coverage: measuring {what} ({core}) for {coverage['seconds']:.0f} s, {recorded}")
        if coverage.get("instead_of_probes"):
            lines.append(f"coverage: no probes, {console.escaped(str(coverage['instead_of_probes']))}")
        elif coverage.get("traced_too"):
            lines.append("coverage: what began before is traced, and so is all in its thread")
    elif "files" in coverage:
        lines.append(f"coverage: stopped, {recorded}")
    else:
        lines.append("coverage: not started")
    lines += [f"coverage: {line}" for line in _details(coverage)]
    if found.get("configuration"):
        lines.append(f"coverage: using {console.escaped(found['configuration'])}")
    if found["running"]:
        lines.append(f"exec: code of {found['running']} operator{'s'[found['running'] == 1 :]} is running")
    if found["debug"]:
        lines += debug.lines(found["debug"])
    return lines


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _details(coverage: dict[str, Any]) -> Iterator[str]:
    """What else is to be said about the measurement."""
    if coverage.get("full"):
        yield "100,000 file names were seen, later ones are not measured"
    for name in coverage.get("others", ()):
        yield f"not measured while it traced, in its threads: {console.escaped(str(name))}"
    if coverage.get("program"):
        names = ", ".join(map(str, coverage["program"]))
        yield f"the program is an installed package, measured too: {console.escaped(names)}"
    if coverage.get("context"):
        yield f"what runs now is labelled {console.escaped(coverage['context'])}"
    if coverage.get("names"):
        moments = ", ".join(f"{console.escaped(name)} ({ago:.0f} s ago)" for name, ago in coverage["names"])
        yield f"named moments: {moments}"
    if coverage.get("saving"):
        yield f"{saving.line(coverage['saving'])}"
    for name, problem in coverage.get("plugins", ()):
        if problem:
            yield f"the plug-in {console.escaped(f'{name} has no effect: {problem}')}"
