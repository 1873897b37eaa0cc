"""What the scenarios of the debugger have in common: an operator at a terminal, and a server that is not harmed."""

import contextlib
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.support.debugged import SHOP, Debugged, line
from tests.support.interpreters import Interpreter
from tests.support.terminal import PROMPT, Terminal, attach_on_terminal
from tests.support.vitals import Before, assert_unharmed, before

#: What says that the session is open, and waits for a thread to come by.
ARMED = r"^Waiting for .* gives up\."
#: What says that it is over, and all goes on.
DETACHED = r"^detached \((?P<why>.*?)\), (target resumed after [\d.]+ s|nothing was stopped), 0 breakpoints left$"

_known: dict[int, Before] = {}
_kept: dict[tuple[str, str], tuple[Debugged, ExitStack]] = {}


def kept(name: str, interpreter: Interpreter, start: Callable[[], AbstractContextManager[Debugged]]) -> Debugged:
    """The server that runs since the first scenario on this version, or a new one after one that went wrong."""
    key = name, interpreter.minor
    if key in _kept and _kept[key][0].pid not in _known:
        _kept.pop(key)[1].close()
    if key not in _kept:
        stack = ExitStack()
        server = stack.enter_context(start())
        known(server)
        _kept[key] = server, stack
    return _kept[key][0]


def stop_kept() -> None:
    """End them all."""
    while _kept:
        _kept.popitem()[1][1].close()


def known(server: Debugged) -> Before:
    """How the server was before its first scenario."""
    if server.pid not in _known:
        _known[server.pid] = before(server.vitals)
    return _known[server.pid]


@contextmanager
def scenario(
    server: Debugged, *options: object, ignoring: Collection[str] = (), term: str = "dumb"
) -> Iterator[Terminal]:
    """``attach PID debug OPTIONS`` for as long as the block lasts; after it the server must be unharmed."""
    as_it_was = known(server)
    del _known[server.pid]
    with attach_on_terminal(server.pid, "debug", *options, term=term) as operator:
        yield operator
    assert_unharmed(as_it_was, ignoring)
    _known[server.pid] = as_it_was


def wait_until_armed(operator: Terminal) -> None:
    """The breakpoints are there: a request that begins now meets them."""
    operator.wait_for(ARMED)


def wait_for_stop(operator: Terminal, mark: str, file: Path = SHOP) -> str:
    """The prompt, at the line with this mark; what was shown before it."""
    shown = operator.wait_for_prompt()
    assert_at(shown, mark, file)
    return shown


def assert_at(shown: str, mark: str, file: Path = SHOP) -> None:
    """pdb has shown that it stands at the line with this mark."""
    places = re.findall(r"^> (.*)\((\d+)\)", shown, re.MULTILINE)
    assert places, f"no place is shown in {shown!r}"
    assert places[-1] == (str(file), str(line(mark, file))), f"{places[-1]}, not {mark}: {shown!r}"


def wait_until_detached(operator: Terminal, code: int = 0) -> str:
    """The operator's command ends by itself; what it has shown at last."""
    ended, shown = operator.wait_for_end()
    assert ended == code, f"exit {ended}: {shown!r}"
    return shown


def leave(operator: Terminal) -> int:
    """Ctrl-C until the command ends, with what exit code; a thread that it stops instead is let go."""
    for _ in range(4):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            operator.interrupt()
        shown = operator.wait_for_any(PROMPT, r"\? $|\] $|: $", seconds=2)
        if shown is None and operator.ends_within(0):
            break
        if shown and shown.endswith("(Pdb) "):
            operator.send("q")
            break
    return operator.wait_for_end()[0]
