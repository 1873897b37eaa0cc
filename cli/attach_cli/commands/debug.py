"""``attach PID debug``"""

from __future__ import annotations

import json
import math
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from attach.debugging import Break, Options
from attach.errors import NotAttached
from attach.session import Session
from attach_cli import console, sessions
from attach_cli.main import EXIT_BROKEN_PIPE, attach_options

#: What belongs to the --break before it.
OF_A_BREAK = {"condition": "--if", "hits": "--hits", "once": "--once"}
#: Seconds that a thread gets to come to its next line; what is armed is waited for without a limit.
WAIT_FOR_A_THREAD = 30.0
_DAY = 86400.0
_RATES = {"s": 1.0, "min": 60.0, "h": 3600.0}


class Debug(click.Command):
    """Remembers in which order the options came."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta["attach.debug.order"] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


def _rate(_ctx: click.Context, _parameter: click.Parameter, value: str) -> float:
    """So many per second, ``5/s``; ``30/min`` and ``100/h`` are rates too."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(?:/(s|min|h))?", value)
    rate = float(found[1]) / _RATES[found[2] or "s"] if found else 0.0
    if not rate:
        raise click.BadParameter(f"{value!r} is no rate, such as 5/s or 30/min")
    return rate


def _number(_ctx: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):  # which is in every range
        raise click.BadParameter("'nan' is no number of seconds")
    return value


def _seconds(name: str, default: float | None, text: str) -> Callable[..., Any]:
    return click.option(
        name, type=click.FloatRange(min=0, max=_DAY), callback=_number, default=default, metavar="SECONDS", help=text
    )


@click.command("debug", cls=Debug)
@click.option("--thread", default="", metavar="THREAD", help="Stop this one: main, a name, or an id (default main).")
@click.option("--break", "breaks", multiple=True, metavar="FILE:LINE", help="Stop where this line is about to run.")
@click.option("--if", "condition", multiple=True, metavar="EXPR", help="... only if this is true there.")
@click.option("--hits", multiple=True, type=click.IntRange(min=1), metavar="N", help="... from the Nth time on.")
@click.option("--once", count=True, help="... and only once.")
@click.option("--function", "functions", multiple=True, metavar="MOD:NAME", help="Stop where this function begins.")
@click.option(
    "--on-exception",
    "exception",
    is_flag=False,
    flag_value="*",
    default="",
    metavar="[TYPE]",
    help="Stop where an exception is raised.",
)
@click.option("-c", "commands", multiple=True, metavar="COMMAND", help="Run this pdb command before the first prompt.")
@click.option("--pdbcls", default="", metavar="MODULE:CLASS", help="Use this debugger, imported in the process.")
@click.option("--log", default="", metavar="TEXT", help="Print this, with {expressions}, instead of stopping.")
@click.option("--max-hits", type=click.IntRange(min=0), default=0, metavar="N", help="... so many times.")
@click.option("--rate", callback=_rate, default="5/s", metavar="N/s", help="... so often at most (default 5/s).")
@_seconds("--wait", None, "Give up if nothing has stopped until then (default 30 for a thread, else no limit).")
@_seconds("--stop-timeout", 60.0, "Let the thread go on after it stood still so long in all (default 60; 0: never).")
@_seconds("--idle-timeout", 300.0, "... or nothing was typed for so long (default 300; 0: never).")
@click.option("--keepalive", is_flag=True, help="Keep gunicorn from ending a worker that stands still.")
@click.option("--inspect", is_flag=True, help="Look at the thread's frames without stopping it.")
@click.option("--status", "shows_status", is_flag=True, help="Say who debugs the process, and what is stopped.")
@click.option("--json", "as_json", is_flag=True, help="... as one JSON object.")
@click.option("--reset", "resets", is_flag=True, help="End the session that is open, whoever has it.")
@attach_options
@click.pass_context
def command(
    ctx: click.Context, /, *, shows_status: bool, as_json: bool, resets: bool, **given: Any
) -> None:  # fmt: skip
    """Stop a thread of the process at a pdb prompt. The process survives whatever happens here.

    Without --break, --function or --on-exception it stops the main thread at its next line. Only that thread stands
    still, and only for --stop-timeout; when you leave, or are cut off, it goes on. Commands may come from a pipe.
    """
    if shows_status or resets:
        _refuse_more(ctx)
        (_reset if resets else _status)(as_json)
        return
    if as_json:
        raise click.UsageError("--json is for --status")
    patient = given["wait"] is not None
    options = options_of(ctx, **given)
    session = sessions.attach(sessions.pid())
    try:
        code = _converse(session, options, patient)
    except BrokenPipeError:  # who reads our output has left
        session.abandon()
        sys.stdout = None
        ctx.exit(EXIT_BROKEN_PIPE)
    except BaseException:
        session.abandon()
        raise
    session.release()
    ctx.exit(code)


def _converse(session: Session, options: Options, patient: bool) -> int:
    """The exit code. `patient`: see `attach_cli.prompt.debugger.Debugger`."""
    from attach_cli.prompt.arrivals import Ended
    from attach_cli.prompt.debugger import Debugger
    from attach_cli.prompt.editor import prepare

    prepare()
    with session.debugging.open(options) as debug:
        dialogue = Debugger(
            debug, session.process.pid, _shown(options), options.wait, patient=patient, logs=bool(options.log)
        )
        try:
            dialogue.run()
        except Ended as ended:
            session.abandon()
            click.get_current_context().exit(128 + ended.number)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # from here on we only leave: half left, the agent would stay
    return dialogue.code


# ---- the options ----


def options_of(ctx: click.Context, /, **given: Any) -> Options:
    """What was asked for; UsageError if it makes no sense."""
    breaks = _breaks(ctx.meta["attach.debug.order"], given.pop("breaks"), given)
    armed = [name for name, value in (("--break", breaks), ("--function", given["functions"]),
                                      ("--on-exception", given["exception"])) if value]  # fmt: skip
    explicit = {name for name in given if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    _check_together(given, armed, explicit)
    _check_names(given)
    wait = given.pop("wait")
    if wait is None:
        wait = 0.0 if armed else WAIT_FOR_A_THREAD
    colors = console.color()
    return Options(
        breaks=breaks,
        wait=wait,
        width=console.terminal_width(),
        color=console.to_terminal() if colors is None else colors,
        **{name: value for name, value in given.items() if name not in OF_A_BREAK},
    )


def _check_together(given: dict[str, Any], armed: list[str], explicit: set[str]) -> None:
    """That no option is without an effect. `armed` are the triggers that are used."""
    if not given["log"]:
        for name in explicit & {"max_hits", "rate"}:
            raise click.UsageError(f"--{name.replace('_', '-')} is for --log TEXT")
    elif given["exception"]:
        raise click.UsageError("--log is for --break and --function, not for --on-exception")
    elif not armed:
        raise click.UsageError("--log prints where something would stop: name that with --break or --function")
    elif given["commands"]:
        raise click.UsageError("--log never stops, so there is no prompt to run -c at")
    if given["thread"] and armed:
        raise click.UsageError(
            f"--thread stops a thread where it is now, {armed[0]} any thread later: give one of them"
        )
    if given["inspect"]:
        for name in [*armed, *("--wait" for _ in explicit & {"wait"})]:
            raise click.UsageError(f"--inspect stops nothing, so {name} has no effect")


def _check_names(given: dict[str, Any]) -> None:
    for function in given["functions"]:
        module, _, name = function.partition(":")
        if not (module and name):
            raise click.UsageError(f"--function wants MODULE:NAME, such as shop.orders:Basket.add, not {function!r}")
    if given["pdbcls"] and not all(given["pdbcls"].partition(":")):
        raise click.UsageError(f"--pdbcls wants MODULE:CLASS, such as shop.debug:Pdb, not {given['pdbcls']!r}")


def _breaks(order: list[str], places: tuple[str, ...], given: dict[str, Any]) -> tuple[Break, ...]:
    """Each --break with the --if, --hits and --once that come after it, before the next."""
    values = {"condition": iter(given["condition"]), "hits": iter(given["hits"])}
    found: list[dict[str, Any]] = []
    for name in order:
        if name == "breaks":
            found.append(_place(places[len(found)]))
        elif name in OF_A_BREAK:
            option = OF_A_BREAK[name]
            if not found:
                raise click.UsageError(f"{option} comes after the --break that it is for:  --break FILE:LINE {option}")
            if name in found[-1]:
                raise click.UsageError(f"{option} is there twice for the same --break")
            found[-1][name] = next(values[name]) if name in values else True
    return tuple(Break(**fields) for fields in found)


def _place(text: str) -> dict[str, Any]:
    filename, _, line = text.rpartition(":")
    if not filename or not re.fullmatch(r"[1-9]\d{0,8}", line):
        raise click.UsageError(f"--break wants FILE:LINE, such as shop/orders.py:42, not {text!r}")
    return {"filename": filename, "line": int(line)}


def _shown(options: Options) -> str:
    """What is waited for."""
    armed = [f"{one.filename}:{one.line}" for one in options.breaks] + list(options.functions)
    if options.exception:
        armed.append("any exception" if options.exception == "*" else options.exception)
    if armed:
        return ", ".join(armed)
    return "the main thread" if options.thread in ("", "main") else f"thread {options.thread}"


# ---- of whoever debugs ----


def _refuse_more(ctx: click.Context) -> None:
    order = set(ctx.meta["attach.debug.order"]) - {"timeout", "quiet", "verbose", "method", "force"}
    if len(order - {"as_json"}) > 1 or ("as_json" in order and "resets" in order):
        raise click.UsageError("--status and --reset stand alone")


def _status(as_json: bool) -> None:
    pid = sessions.pid()
    found: dict[str, Any] = {}
    try:
        session = sessions.join()
        with session:
            found = session.debugging.status()
            session.release()
    except NotAttached:
        pass
    if as_json:
        click.echo(json.dumps({"schema": 1, "pid": pid, "debug": found or None}, default=str))
    else:
        click.echo("\n".join(lines(found)) if found else f"process {pid} is not being debugged")


def _reset(_as_json: bool) -> None:
    pid = sessions.pid()
    try:
        session = sessions.join()
    except NotAttached:
        console.say(f"Process {pid} is not being debugged.")
        return
    with session:
        found = session.debugging.reset()
        session.release()
    if found:
        console.say(f"Ended the session of {console.escaped(_operator(found))}; process {pid} goes on.")
    else:
        console.say(f"Process {pid} is not being debugged.")


def lines(found: dict[str, Any]) -> list[str]:
    """A session, for a status."""
    since = max(0.0, time.time() - float(found["since"]))
    what = {"waiting": "nothing has stopped", "running": "nothing is stopped", "stopped": "stopped"}
    state = what.get(str(found["state"]), str(found["state"]))
    if found["thread"]:
        state += f" in {found['thread']}" if found["state"] == "stopped" else f", last {found['thread']}"
    told = [f"debug: by {_operator(found)}, for {since:.0f} s; {state}"]
    told += [f"debug: breakpoint at {file}:{line}" for file, line in found["breakpoints"]]
    return [console.escaped(line) for line in told]


def _operator(found: dict[str, Any]) -> str:
    return str(found["operator"]).rstrip(",")
