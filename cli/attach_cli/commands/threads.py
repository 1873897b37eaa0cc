"""``attach PID threads``"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from attach.looking import Frame, Picture
from attach_cli import sessions, stacks
from attach_cli.main import attach_options


@click.command("threads")
@click.option("--locals", "with_locals", is_flag=True, help="Show the variables of every call, as short texts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@attach_options
def command(with_locals: bool, as_json: bool) -> None:
    """Show what every thread, greenlet and asyncio task does, while it goes on. Nothing is stopped."""
    session = sessions.attach(sessions.pid())
    try:
        picture = session.threads(with_locals=with_locals)
        python = ".".join(map(str, session.connection.hello.python))
    except BaseException:
        session.abandon()
        raise
    session.release()
    pid = session.process.pid
    if as_json:
        click.echo(json.dumps({"schema": 1, "pid": pid, "python": python, **_plain(picture, with_locals)}))
    else:
        stacks.show(picture, pid, python)


def _plain(picture: Picture, with_locals: bool) -> dict[str, Any]:
    """The picture for JSON: without the fields that say nothing."""
    found = asdict(picture)
    for item in (*found["threads"], *found["greenlets"], *found["tasks"]):
        item["stack"] = [_plain_frame(Frame(**frame), with_locals) for frame in item["stack"]]
    return found


def _plain_frame(frame: Frame, with_locals: bool) -> dict[str, Any]:
    if frame.skipped:
        return {"skipped": frame.skipped}
    plain: dict[str, Any] = {"file": frame.file, "line": frame.line, "function": frame.function}
    plain["source"] = frame.source or None
    return {**plain, "locals": frame.locals} if with_locals else plain
