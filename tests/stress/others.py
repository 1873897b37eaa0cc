"""Other programs that get into running Pythons, under the same loads: what comes of them, and of the target.

Each try gets a target of its own. A tool that does not end is ended, with all that it has started, so that the target
is let go; a target that has crashed or hangs is counted.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.stress.loaded import Phase, Verdict, loaded
from tests.support.cache import cache_directory, locked
from tests.support.interpreters import Interpreter

REQUIREMENTS = Path(__file__).with_name("requirements-others.txt")
LOADS = ("memory", "churn", "aio", "idle")
#: After so many seconds a tool that has not ended hangs.
PATIENCE = 15.0
#: What a tool has started may need so many seconds more to show.
SHOWING = 3.0
#: Everything that a try starts, and what that starts, has this in its environment.
MARK = "LIVE_ATTACH_STRESS"
_INSTALL_SECONDS = 180


@dataclass(frozen=True)
class Tool:
    """A program: how it is called, and how to see that it got in. `folder` is empty and its own."""

    name: str
    command: Callable[[str, int, Path], list[str]]
    got_in: Callable[[Path, str], bool]
    #: What of the requirements it needs; none if it comes with Python.
    package: str = ""
    since: tuple[int, int] = (3, 8)
    gdb: bool = False
    stdin: str = ""


def _line(folder: Path) -> str:
    """A line of Python that leaves a mark."""
    return f"open({str(folder / 'mark')!r}, 'w').close()\n"


def _script(folder: Path) -> str:
    path = folder / "line.py"
    path.write_text(_line(folder))
    return str(path)


def _marked(folder: Path, _output: str) -> bool:
    return (folder / "mark").exists()


def _free_port(folder: Path) -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    (folder / "port").write_text(str(port))
    return port


def _listens(folder: Path, _output: str) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", int((folder / "port").read_text())), timeout=1).close()
        return True
    return False


_REMOTE_EXEC = "import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])"
_PYRASITE = "from pyrasite.main import main; main()"

TOOLS = (
    Tool(
        "attach PID start-coverage",
        lambda _python, pid, _folder: [sys.executable, "-m", "attach", str(pid), "start-coverage"],
        lambda _folder, output: "Measuring lines" in output,
    ),
    Tool(
        "pyrasite",
        lambda python, pid, folder: [python, "-c", _PYRASITE, str(pid), _script(folder)],
        _marked,
        package="pyrasite",
        gdb=True,
    ),
    Tool(
        "hypno",
        lambda python, pid, folder: [python, "-m", "hypno", str(pid), _line(folder)],
        _marked,
        package="hypno",
    ),
    Tool(
        "debugpy",
        lambda python, pid, folder: [
            *(python, "-m", "debugpy", "--listen", f"127.0.0.1:{_free_port(folder)}", "--pid", str(pid))
        ],
        _listens,
        package="debugpy",
        gdb=True,
    ),
    Tool(
        "memray attach",
        lambda python, pid, folder: [python, "-m", "memray", "attach", "-o", str(folder / "mark"), str(pid)],
        _marked,
        package="memray",
        gdb=True,
    ),
    Tool(
        "sys.remote_exec",
        lambda python, pid, folder: [python, "-c", _REMOTE_EXEC, str(pid), _script(folder)],
        _marked,
        since=(3, 14),
    ),
    Tool(
        "pdb -p",
        lambda python, pid, _folder: [python, "-m", "pdb", "-p", str(pid)],
        lambda _folder, output: "a4711b" in output,
        since=(3, 14),
        stdin="p 'a%db' % 4711\ndetach\nquit\n",
    ),
)


@dataclass
class Tries:
    """What came of one tool on one version under one load."""

    times: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    harm: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        times = f"{statistics.median(self.times):.0f}" if self.times else "-"
        counts = [f"{self.outcomes[name]} {name}" for name in ("worked", "failed", "hung") if self.outcomes[name]]
        return f"{', '.join(counts)} | {times} | {', '.join(f'{n} {what}' for what, n in self.harm.items()) or 'none'}"


def environment(interpreter: Interpreter) -> tuple[str, set[str]]:
    """The python of an environment of that version with the tools, and which of the tools could be had."""
    made_of = REQUIREMENTS.read_bytes() + f"{interpreter.release} {interpreter.path}".encode()
    root = cache_directory() / "stress"
    folder = root / f"{interpreter.minor}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    python, complete = folder / "bin" / "python", folder / "complete"
    wanted = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    with locked(root / f".{folder.name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([interpreter.path, "-I", "-m", "venv", folder], check=True, capture_output=True)
            pip: list[str | Path] = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            had = [line.split(">")[0] for line in wanted if _succeeds([*pip, line])]
            complete.write_text("\n".join(had))
        return str(python), set(complete.read_text().split())


def _succeeds(command: list[str | Path]) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=_INSTALL_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def usable(interpreter: Interpreter) -> Iterator[tuple[Tool, str]]:
    """The tools that this machine can run on that version, each with the Python it is run by."""
    python, had = environment(interpreter)
    for tool in TOOLS:
        here = not (tool.package and tool.package not in had) and not (tool.gdb and not shutil.which("gdb"))
        if here and interpreter.version >= tool.since:
            yield tool, python


def try_tool(tool: Tool, python: str, load: str, count: int, folder: Path) -> Tries:
    """Runs the tool `count` times, each time on a new target; after two hangs in a row no more."""
    found = Tries()
    for turn in range(count):
        own = folder / f"{load}-{turn}"
        own.mkdir()
        mark = {MARK: uuid.uuid4().hex}
        try:
            with loaded(Path(python), load, env=mark) as program:
                program.enter(Phase.ATTACHED)
                outcome, milliseconds = _run(tool, tool.command(python, program.pid, own), own, mark)
                verdict = (
                    program.end(PATIENCE) if program.target.is_running() else _crashed(program.target.wait_for_end())
                )
        finally:
            end_all(mark)
        found.outcomes[outcome] += 1
        if outcome == "worked":
            found.times.append(milliseconds)
        if verdict.findings:
            found.harm[verdict.findings[0].split(":")[0]] += 1
        if found.outcomes["hung"] == turn + 1 == 2:
            break
    return found


def _crashed(status: int) -> Verdict:
    return Verdict(findings=[f"the program ended by signal {-status}" if status < 0 else "the program ended early"])


def _run(tool: Tool, command: list[str], folder: Path, mark: Mapping[str, str]) -> tuple[str, float]:
    """What came of the tool, and how long it needed in ms until it had ended and had got in."""
    begin = time.perf_counter()
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **mark},
            cwd=folder,
            start_new_session=True,
        )
        assert process.stdin is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(tool.stdin)
                process.stdin.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                return "hung", 0.0
            end = time.perf_counter() + SHOWING
            while time.perf_counter() < end:
                if tool.got_in(folder, (folder / "output").read_text(errors="replace")):
                    return "worked", (time.perf_counter() - begin) * 1e3
                time.sleep(0.002)
            return "failed", 0.0
        finally:
            process.kill()
            process.wait()


def end_all(mark: Mapping[str, str]) -> None:
    """Ends what bears the mark: a debugger that hangs lets its tracees go when it ends, adapters stay as daemons."""
    ((name, value),) = mark.items()
    wanted = f"{name}={value}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry), signal.SIGKILL)
