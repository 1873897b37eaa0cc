"""``attach demo``"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attach.errors import AttachError
from attach_cli import console, demo_shop, sessions
from attach_cli.main import attach_options

if TYPE_CHECKING:
    from attach.report import Measured

#: (what to show, the requests): each round reaches code that none before did
ROUNDS = (
    ("look at the catalogue", ["/", "/"]),
    ("order two apples", ["/order?name=apple&count=2"]),
    ("order a dozen plums, then more than there are", ["/order?name=plum&count=12", "/order?name=plum&count=12"]),
    ("nearly empty shelves, and mistakes", ["/order?name=plum&count=4", "/", "/order?name=kiwi&count=1", "/nothing"]),
)


@click.command("demo")
@click.option("--html", "folder", metavar="DIR", default="htmlcov", help="Where the report goes (default htmlcov).")
@attach_options
def command(folder: str) -> None:
    """See it work: a sample server that never exits, measured while it serves.

    Starts the server as a process of its own, attaches to it by PID with the machinery of every other command, drives
    requests at it, takes a snapshot after each round and ends it.
    """
    from attach.report import Wanted, write

    wanted = [Wanted("html", folder)]
    with _shop() as (server, port):
        pid = server.pid
        console.say(f"A shop serves on 127.0.0.1:{port} as process {pid}. It was started as:  {_shown(server.args)}")
        for path in ROUNDS[0][1]:
            _get(port, path)
        console.say(f"It has served requests already. Now:  attach {pid} start-coverage")
        with sessions.attach(pid) as session:
            session.coverage.start()
            rows: list[tuple[str, tuple[int, int]]] = []
            for title, paths in ROUNDS:
                for path in paths:
                    _get(port, path)
                measured = session.coverage.snapshot()
                rows.append((title, _covered(measured)))
            result = write(measured, wanted, out=sys.stdout)
            session.detach()
        _get(port, "/")
        console.say(f"Detached; process {pid} still serves. It is ended now.\n")
    click.echo(console.table([(title, f"{hit} of {all_}", f"{100 * hit // all_} %") for title, (hit, all_) in rows],
                             ("AFTER", "LINES", "COVERED"), right=(1, 2)))  # fmt: skip
    click.echo("\nImports and definitions ran before the attach, so they count as missing.")
    click.echo(f"The report:  {result.written[0][1]}/index.html")


@contextmanager
def _shop() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server, from a folder of its own as any program would be, and the port it serves on."""
    with tempfile.TemporaryDirectory(prefix="live-attach-demo-") as folder:
        program = Path(folder, "shop.py")
        program.write_text(Path(demo_shop.__file__).read_text())
        server = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            port = server.stdout.readline()
            if not port:
                raise AttachError("the sample server did not start")
            yield server, int(port)
        finally:
            server.kill()
            server.wait()


def _covered(measured: Measured) -> tuple[int, int]:
    """(lines that ran, lines that there are), by coverage.py."""
    from attach.report import Wanted, write

    out = io.StringIO()
    write(measured, [Wanted("json", "-")], out=out)
    totals = json.loads(out.getvalue())["totals"]
    return totals["covered_lines"], totals["num_statements"]


def _shown(args: object) -> str:
    assert isinstance(args, list)
    return " ".join(map(str, args))


def _get(port: int, path: str) -> None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            answer.read()
    except urllib.error.HTTPError as error:  # some of the requests are mistakes, on purpose
        error.close()
