"""``attach PID COMMAND``: the command line, PID first."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from attach.errors import EXIT_FAILED, AttachError
from attach_agent.wire import __version__
from attach_cli import console

EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

#: command -> (module below attach_cli.commands, its one line in the list); imported when it is called
COMMANDS = {
    "start-coverage": ("start_coverage", "Measure coverage from now on, in every thread."),
    "snapshot": ("snapshot", "Report what ran so far, without stopping."),
    "reset-coverage": ("reset_coverage", "Forget what was recorded, go on measuring."),
    "stop-coverage": ("stop_coverage", "Stop measuring; the data stays for snapshots."),
    "debug": ("debug", "Stop a thread at a pdb prompt; the process survives it."),
    "exec": ("exec", "Run code in the process; its output comes here."),
    "shell": ("shell", "Open a Python prompt in the process."),
    "threads": ("threads", "Show what every thread and asyncio task does."),
    "status": ("status", "Show the agent and what it does."),
    "detach": ("detach", "Remove the agent completely."),
    "ps": ("ps", "List the Python processes."),
    "doctor": ("doctor", "Say whether and how one could attach, without doing it."),
    "fetch-tracers": ("fetch_tracers", "Download coverage.py's tracers ahead of time."),
    "demo": ("demo", "Start a sample server, attach, measure, report."),
}
#: those that are about no process in particular
GLOBAL_COMMANDS = ("ps", "doctor", "fetch-tracers", "demo")


class ReaderLeft(Exception):
    """Nobody reads our output any more: a BrokenPipeError by a name that click does not take for its own."""


class PidFirst(click.Group):
    """A group whose commands come after the process: ``attach 4711 snapshot``."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError:  # here is --help
            raise ReaderLeft from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()  # at exit nobody could tell of a failure
        except BrokenPipeError:
            raise ReaderLeft from None
        return result

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"attach_cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, wanted in (("Commands for a process", False), ("Other commands", True)):
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (name if wanted else f"PID {name}", text)
                        for name, (_, text) in COMMANDS.items()
                        if (name in GLOBAL_COMMANDS) is wanted
                    ]
                )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take the process off the front, then go on as click does."""
        if args[0] not in COMMANDS:
            target, *args = args
            if not target.isdecimal():
                raise click.UsageError(_not_a_pid(target, args), ctx)
            ctx.meta["attach.pid"] = int(target)
            if not args:
                raise click.UsageError(f"what about process {target}? For instance:  attach {target} status", ctx)
            if args[0] not in COMMANDS:
                raise click.UsageError(_no_command(args[0]), ctx)
            if args[0] in GLOBAL_COMMANDS and args[0] != "doctor":  # which takes it on either side
                raise click.UsageError(f"{args[0]} takes no process:  attach {args[0]}", ctx)
        elif args[0] not in GLOBAL_COMMANDS and not {"--help", "-h"}.intersection(args):
            raise click.UsageError(f"which process?  attach PID {args[0]}   (list them with: attach ps)", ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if name not in GLOBAL_COMMANDS:  # the usage line shows what to type
            name = f"{ctx.meta.get('attach.pid', 'PID')} {name}"
        return name, command, rest


def _no_command(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, n=1)
    return f"there is no command {name!r}" + (f"; did you mean {close[0]}?" if close else "")


def _not_a_pid(target: str, rest: list[str]) -> str:
    if rest and rest[0] in COMMANDS:
        return f"{target!r} is not a process id (list them with: attach ps)"
    return _no_command(target)


def _remember(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """An option of the whole program may stand before the PID or after the command; the last one wins."""

    def callback(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        if value is not None:
            ctx.meta[f"attach.{key}"] = value

    return callback


def common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """-q and -v, which every command takes."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, default=None, expose_value=False, callback=_remember("verbose"),
                     help="Show each step and its time."),
        click.option("-q", "--quiet", is_flag=True, default=None, expose_value=False, callback=_remember("quiet"),
                     help="Say nothing but errors."),
    ):  # fmt: skip
        function = option(function)
    return function


def joining_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What every command that talks to an agent takes, here or before the PID."""
    function = click.option(
        "--timeout", type=click.FloatRange(min=0.1, max=3600), metavar="SECONDS", expose_value=False,
        callback=_remember("timeout"), help="Give up after this time (default 10).",
    )(function)  # fmt: skip
    return common_options(function)


def attach_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What every command that brings an agent takes, here or before the PID."""
    for option in (
        click.option("--force", is_flag=True, default=None, expose_value=False, callback=_remember("force"),
                     help="Attach in spite of a seccomp filter."),
        click.option("--method", type=click.Choice(["auto", "ptrace", "remote-exec", "pyrasite"]), expose_value=False,
                     callback=_remember("method"), help="How to get in (default auto: the first that works)."),
    ):  # fmt: skip
        function = option(function)
    return joining_options(function)


@click.group(
    cls=PidFirst,
    subcommand_metavar="PID COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Help for a command:  attach COMMAND --help",
)
@click.version_option(__version__, prog_name="attach")
@attach_options
def cli() -> None:
    """Look into a running Python process that nobody prepared: coverage without a restart.

    \b
    attach PID start-coverage       measure from now on
    attach PID snapshot --html      see what ran, while it goes on
    attach PID detach               leave without a trace
    """


def _has_working_directory() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (docs/reference/exit-codes.md). No error has a traceback."""
    try:
        code = cli.main(argv, prog_name="attach", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except AttachError as error:
        console.fail(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("attach: interrupted; the process goes on", err=True)
        return EXIT_INTERRUPTED
    except ReaderLeft:  # no more to say, not even at exit
        sys.stdout = None
        return EXIT_BROKEN_PIPE
    except OSError as error:
        if error.errno == errno.ENOENT and not _has_working_directory():
            click.echo("attach: the directory you are in does not exist (any more); go to another:  cd /", err=True)
            return EXIT_FAILED
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        sys.stdout = None
        click.echo(f"attach: cannot write the output: {error.strerror}", err=True)
        return EXIT_FAILED
    return code if isinstance(code, int) else 0
