"""`attach ps` finds the Python processes by what they are, one line each."""

import json
import os
import shutil
from pathlib import Path

from attach.process import Process
from tests.support.command import attach, succeed
from tests.support.interpreters import Interpreter, on_interpreters, require_interpreter
from tests.support.processes import running

PROGRAM = "import time; print('ready', flush=True); time.sleep(1000)"


def line_of(pid: int, stdout: str) -> str:
    """The one line about `pid`."""
    (line,) = (line for line in stdout.splitlines() if line.split()[:1] == [str(pid)])
    return line


def test_one_line_each(interpreter: Interpreter) -> None:
    """PID, parent, user, version, state, agent and command, as text and as JSON; the agent while it is there."""
    with running([interpreter.path, "-c", PROGRAM, "shop"], ready="^ready$") as target:
        process = Process(target.pid)
        for agent in (False, True):
            if agent:
                succeed(target.pid, "start-coverage")
            pid, ppid, user, version, _state, attached, command = line_of(target.pid, succeed("ps").stdout).split(
                None, 6
            )
            assert (int(pid), int(ppid), user) == (target.pid, os.getpid(), process.user)
            assert interpreter.release.startswith(version)
            assert attached == ("yes" if agent else "-")
            assert command == " ".join(process.argv)
            found = json.loads(succeed("ps", "--json").stdout)
            (entry,) = (entry for entry in found["processes"] if entry["pid"] == target.pid)
            assert found["schema"] == 1
            assert (entry["ppid"], entry["user"], entry["version"], entry["attached"]) == (
                int(ppid),
                user,
                version,
                agent,
            )
            assert entry["command"] == command
        succeed(target.pid, "detach")


@on_interpreters("3.11")
def test_by_symbols(interpreter: Interpreter, tmp_path: Path) -> None:
    """A renamed interpreter is found, a program that is only called python is not."""
    renamed = shutil.copy(interpreter.path, tmp_path / "uwsgi")
    pretender = shutil.copy(shutil.which("sleep") or "/bin/sleep", tmp_path / "python3")
    home = str(interpreter.path.parent.parent)
    with (
        running([renamed, "-c", PROGRAM], ready="^ready$", env={"PYTHONHOME": home}) as server,
        running([pretender, "1000"]) as sleep,
    ):
        listed = succeed("ps").stdout
        assert "uwsgi" in line_of(server.pid, listed)
        assert str(sleep.pid) not in [line.split()[0] for line in listed.splitlines()]


def test_hostile_arguments() -> None:
    """Newlines, escapes and bytes that are no text stay in their line, and the JSON object is one."""
    hostile = b"\x1b[31m\n99999  1  root  3.11  S  yes  fake\r\xff\xfe\xe2\x80\xae"
    python = require_interpreter("3.12").path
    with running([python, "-c", PROGRAM, os.fsdecode(hostile)], ready="^ready$") as target:
        listed = succeed("ps").stdout
        assert "fake" in line_of(target.pid, listed)
        assert "99999" not in [line.split()[0] for line in listed.splitlines()]
        assert not set("\x1b\r\u202e") & set(listed)
        assert str(target.pid) in attach("ps", "--json").stdout
        json.loads(attach("ps", "--json").stdout)
