"""``attach fetch-tracers``"""

from __future__ import annotations

import click

from attach import tracers
from attach.tracers import MACHINES, PLATFORMS, build
from attach.wheels import Version, release
from attach_cli import console
from attach_cli.main import common_options
from attach_cli.working import working


@click.command("fetch-tracers")
@click.argument("versions", metavar="[VERSION]...", nargs=-1)
@click.option("--libc", type=click.Choice(list(PLATFORMS)), default="glibc", help="Of the processes (default glibc).")
@click.option("--machine", type=click.Choice(list(MACHINES)), help="Of the processes (default this one's).")
@click.option("--list", "listing", is_flag=True, help="List what is there, for every machine; fetch nothing.")
@common_options
def command(versions: tuple[str, ...], libc: str, machine: str | None, listing: bool) -> None:
    """Download coverage.py's compiled tracers, so that start-coverage works without a package index later.

    VERSION is that of a process's Python, such as 3.9; all that there are by default. Those that are there already are
    not fetched again. They are kept in ~/.cache/live-attach/tracers, which may be copied to other machines. With them
    come the modules that snapshot makes reports of Python 3.8 to 3.10 with, in ~/.cache/live-attach/analysis.
    """
    if listing:
        if versions:
            raise click.UsageError("--list lists them all; give no version")
        _list()
        return
    wanted = [_parsed(version) for version in versions] or tracers.versions()
    for version in wanted:
        one = build(version, libc, machine or "")
        if tracers.is_cached(one):
            console.say(f"Python {one.python}: there already, {tracers.path_of(one)}")
        else:
            path = tracers.fetch(version, libc=libc, machine=one.machine, working=working)
            console.say(f"Python {one.python}: fetched, {path}")
        _fetch_modules(version, one.python)


def _fetch_modules(version: Version, python: str) -> None:
    """For reports of that version, what the coverage.py here is too new for."""
    from attach.report.analysis import releases

    if not releases.available(version):
        with working(f"Fetching coverage.py {release(version)} for reports of Python {python}"):
            path = releases.fetch(version)
        console.say(f"Python {python}: fetched for its reports, {path}")


def _parsed(text: str) -> Version:
    for version in tracers.versions():
        if text == f"{version[0]}.{version[1]}":
            return version
    known = ", ".join(f"{major}.{minor}" for major, minor in tracers.versions())
    raise click.UsageError(f"there is no tracer for Python {text!r}, but for {known}")


def _list() -> None:
    rows = [
        (one.python, one.release, one.libc, one.machine, str(tracers.path_of(one))) for one in tracers.cached_builds()
    ]
    if rows:
        click.echo(console.table(rows, ("PYTHON", "COVERAGE", "LIBC", "MACHINE", "FILE")))
    else:
        console.say("There are none. Fetch them with:  attach fetch-tracers")
