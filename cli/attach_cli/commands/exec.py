"""``attach PID exec``"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from attach.running import Outcome
from attach.session import Session
from attach_cli import console, payloads, sessions
from attach_cli.main import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED, attach_options

#: Options with a value, which may be anything, even "-c".
WITH_VALUE = ("--method", "--timeout", "--payload")


class Exec(click.Command):
    """As for ``python``: after -c CODE, --payload NAME or FILE all the rest is the code's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _closed(args))


def _closed(args: list[str]) -> list[str]:
    """`args` with ``--`` behind what names the code."""
    at = 0
    while at < len(args) and args[at].startswith("-") and args[at] not in ("-", "--"):
        name = args[at].partition("=")[0]
        code = re.fullmatch(r"-[qvh]*c(.*)", args[at], re.DOTALL)
        at += 2 if args[at] in WITH_VALUE or (code and not code[1]) else 1
        if (code or name == "--payload") and at <= len(args):
            return [*args[:at], "--", *args[at:]]
    return args


@click.command("exec", cls=Exec, context_settings={"allow_interspersed_args": False})
@click.option("-c", "code", metavar="CODE", help="Run this code; what follows is for the code.")
@click.option("--payload", metavar="NAME", help="Run one of pyrasite's payloads; what follows is for the payload.")
@click.argument("arguments", metavar="[FILE] [ARGS]...", nargs=-1, type=click.UNPROCESSED)
@attach_options
@click.pass_context
def command(ctx: click.Context, /, code: str | None, payload: str | None, arguments: tuple[str, ...]) -> None:
    """Run code in the process: FILE (- is stdin), -c CODE, or one of pyrasite's payloads.

    It runs in a thread of its own, with the modules of the process at hand. What it prints, and its traceback, come
    here while it runs. Ctrl-C raises KeyboardInterrupt in it, a second one leaves at once.
    """
    source, filename, argv = _code(code, payload, arguments)
    session = sessions.attach(sessions.pid())
    try:
        outcome = _run(session, source, filename, argv)
    except BrokenPipeError:  # as for a program in the pipe: who reads has left
        session.abandon()
        sys.stdout = None
        ctx.exit(EXIT_BROKEN_PIPE)
    except BaseException:
        session.abandon()
        raise
    if outcome is None:  # the agent has work to do, and leaves by itself when nobody needs it
        session.connection.abort()
        ctx.exit(EXIT_INTERRUPTED)
    session.release()
    ctx.exit({"done": 0, "interrupted": EXIT_INTERRUPTED}.get(outcome.how, 1))


def _code(code: str | None, payload: str | None, arguments: tuple[str, ...]) -> tuple[bytes, str, list[str]]:
    """(source, the name it is shown by, its sys.argv), as Python has them."""
    if code is not None and payload is not None:
        raise click.UsageError("-c and --payload exclude each other")
    if code is not None:
        return code.encode("utf-8", "surrogateescape"), "<attach -c>", ["-c", *arguments]
    if payload is not None:
        path = str(payloads.find(payload))
        return _read(path), path, [path, *arguments]
    if not arguments:
        raise click.UsageError("what should run?  A FILE, - for stdin, -c CODE, or --payload NAME")
    file = arguments[0]
    if file == "-":
        return sys.stdin.buffer.read(), "<attach stdin>", list(arguments)
    return _read(file), os.path.abspath(file), list(arguments)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from None


def _run(session: Session, source: bytes, filename: str, argv: list[str]) -> Outcome | None:
    """None after a second Ctrl-C."""
    pid = session.process.pid
    with _interrupts(pid) as interrupts:
        try:
            return session.run(
                source,
                filename=filename,
                argv=argv,
                output=console.Output().write,
                interrupted=interrupts.came,
                timeout=sessions.timeout(),
            )
        except KeyboardInterrupt:
            if not interrupts.count:  # not the one of ours
                raise
            click.echo(f"attach: left; the code is still running in process {pid}", err=True)
            click.echo("  It was told to stop, and does so when it runs Python code the next time.", err=True)
            click.echo(f"  See whether it has:  attach {pid} status", err=True)
            return None


class Interrupts:
    """What Ctrl-C means while code runs: the first is the code's, the second ours."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.count = 0
        self._sent_at = 0.0
        self._told = False

    def handle(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt

    def came(self) -> bool:
        """Asked again and again: True once, when there was one."""
        if self.count and not self._sent_at:
            self._sent_at = time.monotonic()
            return True
        if self.count and not self._told and time.monotonic() - self._sent_at > 1.0:
            self._told = True
            console.say("attach: waiting for the code to stop; Ctrl-C again leaves without it")
        return False


@contextmanager
def _interrupts(pid: int) -> Iterator[Interrupts]:
    interrupts = Interrupts(pid)
    before = signal.signal(signal.SIGINT, interrupts.handle)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
