"""``attach PID start-coverage``"""

from __future__ import annotations

import click

from attach import Scope
from attach.coverage import CORES
from attach.listing import python_children
from attach_cli import console, sessions
from attach_cli.main import attach_options


@click.command("start-coverage")
@click.option("--source", multiple=True, metavar="PKG_OR_DIR", help="Measure only this package or directory.")
@click.option("--include", multiple=True, metavar="GLOB", help="Measure only files that match.")
@click.option("--omit", multiple=True, metavar="GLOB", help="Do not measure files that match.")
@click.option("-L", "--pylib", is_flag=True, help="Measure the standard library too.")
@click.option("--branch", is_flag=True, help="Measure branches too.")
@click.option(
    "--core", type=click.Choice(CORES), default="auto", help="What measures (default auto: what costs least)."
)
@attach_options
def command(
    *,
    source: tuple[str, ...],
    include: tuple[str, ...],
    omit: tuple[str, ...],
    pylib: bool,
    branch: bool,
    core: str,
) -> None:
    """Measure coverage in a running process from now on.

    Every thread is measured, and the functions that were running before too. Without options that is everything but
    the standard library and installed packages. The process goes on while it is measured, and after you leave.
    """
    session = sessions.attach(sessions.pid())
    try:
        scope = Scope(_split(source), _split(include), _split(omit), pylib)
        status = session.coverage.start(scope, branch=branch, core=core, log=console.step_log())
    except BaseException:  # nothing was started: leave nothing
        session.abandon()
        raise
    session.close()
    pid = session.process.pid
    python = ".".join(map(str, session.connection.hello.python))
    what = "lines and branches" if branch else "lines"
    console.say(f"Measuring {what} of process {pid} (CPython {python}, {status['core']}).")
    workers = python_children(session.process)
    if workers:
        console.say(f"Its children that run Python are not measured: {', '.join(map(str, workers))}. Attach to each.")
    console.say(f"See what ran with:  attach {pid} snapshot --html")


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    """As coverage.py does: each may be a list with commas."""
    return tuple(part for value in values for part in value.split(",") if part)
