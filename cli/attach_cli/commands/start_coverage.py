"""``attach PID start-coverage``"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from attach import Scope
from attach.listing import python_children
from attach.project.scope import CORES, NAMES_OF_CORES
from attach_cli import console, saving, sessions
from attach_cli.main import attach_options
from attach_cli.working import working

if TYPE_CHECKING:
    from attach.report.settings import Settings


@click.command("start-coverage")
@click.option("--source", multiple=True, metavar="PKG_OR_DIR", help="Measure only this package or directory.")
@click.option("--include", multiple=True, metavar="GLOB", help="Measure only files that match.")
@click.option("--omit", multiple=True, metavar="GLOB", help="Do not measure files that match.")
@click.option("-L", "--pylib", is_flag=True, help="Measure the standard library too.")
@click.option("--branch/--no-branch", default=None, help="Measure branches too.")
@click.option("--core", type=click.Choice(CORES), default="auto", help="What measures; auto is what costs least.")
@click.option("--context", default="", metavar="NAME", help="Label what runs from now on, also while measuring.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.1, max=604800),
    metavar="SECONDS",
    help="Have the process write a data file at this interval, if something new ran.",
)
@click.option(
    "--data-file", default="", metavar="FILE", help="Where; default .coverage.HOST.pidPID... in its directory."
)
@click.option("--rcfile", metavar="FILE", help="Go by this configuration instead of the project's.")
@click.option("--no-rcfile", "rcfile", flag_value="", help="Go by no configuration.")
@attach_options
def command(
    *,
    source: tuple[str, ...],
    include: tuple[str, ...],
    omit: tuple[str, ...],
    pylib: bool,
    branch: bool | None,
    core: str,
    context: str,
    every: float | None,
    data_file: str,
    rcfile: str | None,
) -> None:
    """Measure coverage in a running process from now on.

    Every thread is measured, and the functions that were running before too. What is measured is what the coverage.py
    configuration of its project says, and these options before that; else everything but the standard library and
    installed packages. The process goes on while it is measured, and after you leave.
    """
    if data_file and not every:
        raise click.UsageError("--data-file is where the process writes with --every SECONDS")
    scope = Scope(_split(source), _split(include), _split(omit), pylib, branch, core)
    session = sessions.attach(sessions.pid())
    try:
        settings = None if rcfile == "" else session.coverage.configuration(rcfile)
        status = session.coverage.start(
            scope,
            settings=settings,
            context=context,
            every=every or 0.0,
            data_file=data_file,
            log=console.step_log(),
            working=working,
        )
        loaded = session.coverage.modules() if status["not_loaded"] else []
    except BaseException:  # leave nothing, not even if it had started
        session.coverage.undo()
        session.abandon()
        raise
    session.close()
    pid = session.process.pid
    python = ".".join(map(str, session.connection.hello.python))
    what = "lines and branches" if dict(status["scope"])["branch"] else "lines"
    console.say(f"Measuring {what} of process {pid} (CPython {python}, {status['core']}).")
    for line in _explained(status, settings and settings.without(scope.replaced()), loaded):
        console.say(console.escaped(line))
    if status["context"]:
        console.say(f"What runs from now on is labelled {console.escaped(str(status['context']))}.")
    saving.say_begun(dict(status["saving"]))
    workers = python_children(session.process)
    if workers:
        console.say(f"Its children that run Python are not measured: {', '.join(map(str, workers))}. Attach to each.")
    console.say(f"See what ran with:  attach {pid} snapshot --html")


def _explained(status: dict[str, Any], settings: Settings | None, loaded: Sequence[str]) -> Iterator[str]:
    """What the measurement goes by, and what about it may surprise."""
    if settings is not None:
        yield f"Using {settings.summary()}"
        yield from settings.warnings
        yield from settings.not_honoured()
        if settings["run:core"] and NAMES_OF_CORES.get(settings["run:core"], status["core"]) != status["core"]:
            yield f"[run] core has no effect: this process is measured by {status['core']}."
    if status.get("instead_of_probes"):
        yield f"Probes cannot be used, so the C tracer measures: {status['instead_of_probes']}."
    for name, problem in status["plugins"]:
        yield _plugin(name, problem)
    if status["program"]:
        yield f"The program is an installed package, which is measured too: {', '.join(status['program'])}"
    for name in status["not_loaded"]:
        yield _not_loaded(name, loaded)


def _plugin(name: str, problem: str) -> str:
    if problem:
        return f"The plug-in {name} has no effect: {problem}."
    return f"Imported the plug-in {name} in the process, and coverage.py with it; they stay there until it ends."


def _not_loaded(name: str, loaded: Sequence[str]) -> str:
    """What to say about a source that nothing loaded belongs to: a typo, or a module that comes later."""
    if name.startswith("/"):
        return f"No module that is loaded lies in {name}."
    depth = name.count(".")
    close = get_close_matches(name, {".".join(module.split(".")[: depth + 1]) for module in loaded})
    similar = f"close: {', '.join(close)}" if close else "no folder has that name either"
    return f"No module {name} is loaded; {similar}."


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    """As coverage.py does: each may be a list with commas."""
    return tuple(part for value in values for part in value.split(",") if part)
