"""``attach PID snapshot``"""

from __future__ import annotations

import sys
from shlex import quote
from typing import TYPE_CHECKING, cast

import click

from attach.errors import CoverageNotStarted, NotAttached, NothingMeasured
from attach_cli import console, saving, sessions
from attach_cli.main import joining_options
from attach_cli.progress import Bar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attach.report import Measured, ReportResult, Wanted

FORMATS = {
    "html": ("DIR", "htmlcov", "HTML pages into a directory"),
    "xml": ("FILE", "coverage.xml", "Cobertura XML"),
    "json": ("FILE", "coverage.json", "JSON"),
    "lcov": ("FILE", "coverage.lcov", "LCOV"),
    "annotate": ("DIR", "annotate", "Annotated sources into a directory"),
    "data": ("FILE", ".coverage", "A data file for coverage combine and coverage report"),
}


def _format_options(function: click.decorators.FC) -> click.decorators.FC:
    for name, (metavar, default, text) in reversed(FORMATS.items()):
        function = click.option(
            f"--{name}", metavar=f"[{metavar}]", is_flag=False, flag_value="", help=f"{text} (default {default})."
        )(function)
    return function


@click.command("snapshot")
@_format_options
@click.option("--text", is_flag=True, help="A table on stdout; the default if no format is given.")
@click.option("-m", "--show-missing", is_flag=True, help="Show the lines that did not run, in the table.")
@click.option("--fail-under", type=float, metavar="N", help="Exit with 2 if the total is below N per cent.")
@click.option("--since", default="", metavar="NAME", help="Only what ran since the moment of this name.")
@click.option("--name", default="", metavar="NAME", help="Name this moment, for --since.")
@click.option("--reset", is_flag=True, help="Forget what is reported, once the reports are written.")
@click.option("--contexts", is_flag=True, help="Show in HTML and JSON under which --context lines ran.")
@click.option("--rcfile", metavar="FILE", help="Go by this configuration, not by that of start-coverage.")
@click.option("--no-rcfile", "rcfile", flag_value="", help="Go by no configuration.")
@joining_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    text: bool,
    show_missing: bool,
    fail_under: float | None,
    since: str,
    name: str,
    reset: bool,
    contexts: bool,
    rcfile: str | None,
    **formats: str | None,
) -> None:
    """Report what ran since start-coverage, while the process goes on.

    Nothing is stopped, and without --reset nothing is forgotten; the reports are made here, by coverage.py, not in
    the process. A file name of - means stdout.
    """
    from attach.report import Options, write

    wanted = _wanted(text, formats)
    options = Options(
        rcfile=rcfile, show_missing=show_missing or None, fail_under=fail_under, contexts=contexts or None
    )
    pid = sessions.pid()
    try:
        session = sessions.join()
    except NotAttached:
        raise CoverageNotStarted(pid) from None
    with session, session.coverage.taking(since=since, name=name, reset=reset) as measured:
        if name:
            console.say(f"See what runs after this moment with:  attach {pid} snapshot --since {quote(name)}")
        saving.say_problem(session.coverage.saving())
        _say_settings(measured, rcfile)
        try:
            with Bar() as progress:
                result = write(measured, wanted, out=sys.stdout, options=options, progress=progress)
        except NothingMeasured:
            if not name or text or any(path is not None for path in formats.values()):
                raise
            console.say("Nothing has run yet.")  # to name the moment was all that was asked for
            return
        sys.stdout.flush()  # only what has been written is forgotten
    _say_result(result, wanted, since or "start-coverage", measured.others)
    ctx.exit(result.exit_code)


def _wanted(text: bool, formats: Mapping[str, str | None]) -> list[Wanted]:
    from attach.report import Format, Wanted

    # without a place it goes where the settings in --rcfile say, or to coverage.py's default
    try:
        wanted = [Wanted(cast(Format, name), path or None) for name, path in formats.items() if path is not None]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if text or not wanted:
        wanted.append(Wanted("text", "-"))
    if sum(want.path == "-" for want in wanted) > 1:
        raise click.UsageError("only one report can go to stdout")
    return wanted


def _say_result(result: ReportResult, wanted: Sequence[Wanted], since: str, others: Sequence[str]) -> None:
    for name, place in result.written:
        if place != "-":
            console.say(f"Wrote {name}:  {_page(name, place)}")
    for file in result.unreported:
        console.say(f"Not shown: {console.escaped(file.path)}: {file.reason}")
    for path in result.changed:
        console.say(f"Changed since the process started, lines may be off: {console.escaped(path)}")
    if result.total is not None:
        console.say(f"Lines that ran only before {since}, such as imports, count as missing.")
    for other in others:
        console.say(f"Not measured while it traced, in its threads: {console.escaped(other)}")
    for note in (*result.notes, *result.warnings):
        console.say(note)
    if result.total is not None and not any(want.format == "text" for want in wanted):
        console.say(f"Total {result.total:.0f} % of {result.files} file{'s'[result.files == 1 :]}.")
    if result.fail_under is not None:
        console.say(f"Failed: the total is below {result.fail_under:g} %.")


def _say_settings(measured: Measured, rcfile: str | None) -> None:
    """What the reports go by, where the command line does not say it."""
    if rcfile is None and measured.settings is not None:
        summary = measured.settings.summary_of_reports()
        for line in (summary and f"Using {summary}", *measured.settings.not_reported(places=measured.is_ours)):
            if line:
                console.say(console.escaped(line))


def _page(name: str, place: str) -> str:
    return f"{place}/index.html" if name == "html" else place
