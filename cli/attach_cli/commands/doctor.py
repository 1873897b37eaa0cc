"""``attach doctor``"""

from __future__ import annotations

import json
import textwrap

import click

from attach.doctor import Diagnosis, examine, examine_machine
from attach.errors import AttachError
from attach.finding import NO, Finding
from attach.inject import METHODS
from attach_cli import console
from attach_cli.main import attach_options
from attach_cli.sessions import timeout

#: Between the left edge and the text, besides the widest name.
_GUTTER = 7
_MARKS = {"ok": ("ok", "green"), "warning": ("!", "yellow"), "no": ("no", "red")}


@click.command("doctor")
@click.argument("pid", type=int, required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@attach_options
@click.pass_context
def command(ctx: click.Context, pid: int | None, as_json: bool) -> int:
    """Say what would happen if you attached to PID, by which method, and if not, why and what to do.

    Injects nothing, stops nothing, writes nothing. Without PID: what this machine lets you do. -v shows all that was
    looked at. The exit code is the one that the attach would have.
    """
    if pid is None:
        pid = ctx.meta.get("attach.pid")
    elif ctx.meta.get("attach.pid", pid) != pid:
        raise click.UsageError(f"which process, {ctx.meta['attach.pid']} or {pid}?")
    if pid is None:
        diagnosis = examine_machine()
    else:
        method, force = ctx.meta.get("attach.method", "auto"), bool(ctx.meta.get("attach.force"))
        diagnosis = examine(pid, method=method, timeout=timeout(), force=force)
    if as_json:
        click.echo(json.dumps(diagnosis.as_dict()))
    else:
        console.show(_text(diagnosis, bool(ctx.meta.get("attach.verbose"))))
    return diagnosis.verdict.exit_code


def _text(diagnosis: Diagnosis, verbose: bool) -> list[str]:
    """The verdict and what to do, then one line for each finding that matters."""
    verdict, error = diagnosis.verdict, diagnosis.verdict.error
    width = console.terminal_width() if console.to_terminal() else 0
    answer = verdict.text + (f" [{error.slug}]" if error else "")
    lines = [click.style(line, bold=True, fg="red" if error else "green") for line in _wrapped(answer, width)]
    lines += _hint(error, width, 2) if error else []
    shown = [finding for finding in diagnosis.findings if verbose or not finding.minor]
    if error and [finding.error for finding in shown] == [error]:
        return lines  # that was all
    lines.append("")
    column = max((len(finding.about) for finding in shown), default=0)
    for finding in shown:
        needed = error is not None or finding.about not in METHODS
        lines += _finding(finding, column, width, needed)
        if verbose and needed and finding.error and finding.error is not error:
            lines += _hint(finding.error, width, column + _GUTTER)
    return lines


def _finding(finding: Finding, column: int, width: int, needed: bool) -> list[str]:
    """`needed`: a way that does not exist is no alarm where there is another."""
    alarm = needed or finding.level != NO
    word, color = _MARKS[finding.level]
    slug = f" [{finding.error.slug}]" if finding.error and alarm else ""
    first, *rest = _wrapped(finding.text + slug, width, column + _GUTTER)
    mark = click.style(f"{word:<3}", fg=color if alarm else None)
    return [f"{mark} {finding.about:<{column}}   {first.lstrip()}", *rest]


def _hint(error: AttachError, width: int, indent: int) -> list[str]:
    """What to do; a line that holds a command is never broken."""
    lines = []
    for line in error.hint.splitlines():
        whole = line.startswith("  ")
        lines += _wrapped(line, 0 if whole else width, indent)
    return lines


def _wrapped(text: str, width: int, indent: int = 0) -> list[str]:
    """Indented lines for a terminal of that width; one line if there is no terminal."""
    space = " " * indent
    text = console.escaped(text)
    lines = textwrap.wrap(text, max(width, indent + 20) - indent) if width else [text]
    return [space + line for line in lines]
