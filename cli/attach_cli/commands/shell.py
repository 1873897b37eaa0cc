"""``attach PID shell``"""

from __future__ import annotations

import sys

import click

from attach.session import Session
from attach_cli import console, sessions
from attach_cli.main import EXIT_BROKEN_PIPE, attach_options


@click.command("shell")
@click.option("-m", "--module", default="", metavar="NAME", help="Work in the namespace of this loaded module.")
@attach_options
@click.pass_context
def command(ctx: click.Context, /, module: str) -> None:
    """Open a Python prompt in the process. No thread of it stops; await works where asyncio runs.

    What is typed runs in a thread of its own, and its output comes here alone. Ctrl-C interrupts it, Ctrl-D leaves.
    Statements may come from a pipe.
    """
    session = sessions.attach(sessions.pid())
    try:
        code = _converse(session, module)
    except BrokenPipeError:  # who reads our output has left
        session.abandon()
        sys.stdout = None
        ctx.exit(EXIT_BROKEN_PIPE)
    except BaseException:
        session.abandon()
        raise
    session.release()
    ctx.exit(code)


def _converse(session: Session, module: str) -> int:
    """The exit code."""
    from attach_cli.prompt.arrivals import Ended
    from attach_cli.prompt.dialogue import Dialogue

    class Python(Dialogue):
        name = "shell"

        def insist(self) -> None:
            self.screen.say("attach: what was typed does not stop; Ctrl-C again leaves")
            self.leave("interrupted")

    with session.shell(module) as shell:
        dialogue = Python(shell)
        python = ".".join(map(str, session.connection.hello.python))
        if dialogue.editor.interactive:
            console.say(f"Python {python} in process {session.process.pid}. Ctrl-D leaves; the process goes on.")
        try:
            dialogue.run()
        except Ended as ended:
            session.abandon()
            click.get_current_context().exit(128 + ended.number)
    if dialogue.ended_by:
        return 128 + dialogue.ended_by
    return int(dialogue.closed[0] == "exit")
