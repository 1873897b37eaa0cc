"""The last rung: pyrasite, run as a program of its own, which has gdb call into the target.

For machines that this package has no registers for, and for `--method pyrasite`. It stops the whole process at any
instruction, for some tenths of a second, and calls into CPython from there: a busy process can hang or crash
(docs/benchmarks.md). Therefore `auto` never chooses it where another rung exists.

pyrasite's exit code tells nothing and its errors get lost: as for PEP 768 a script lies in the target's file system,
and what it raises comes back through a file beside it.
"""

import ast
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time

from attach.errors import MethodUnavailable, PyrasiteFailed, PyrasiteHangs, TargetExited
from attach.inject.injection import Attempt, Injection
from attach.inject.obstacles import refused
from attach.inject.staging import NoPlace, StagedScript
from attach.process import Process

METHOD = "pyrasite"
_POLL = 0.002
#: How long pyrasite may take to end after our code has arrived, or after Ctrl-C.
_END_SECONDS = 5.0

#: pyrasite puts two folders at the front of the target's sys.path: its own and the script's.
_AS_BEFORE = """\
import sys
for folder in {folders!r}:
    if folder in sys.path[:2]:
        sys.path.remove(folder)
"""


def why_unavailable(process: Process) -> str:
    """Why pyrasite cannot be used for this process; empty if it can."""
    if importlib.util.find_spec("pyrasite") is None:
        return "pyrasite is not installed beside live-attach (pip install pyrasite)"
    if shutil.which("gdb") is None:
        return "it needs gdb, which is not installed here"
    if process.sees_other_files() or "pid" in process.foreign_namespaces:
        return "it cannot reach into another container"
    return ""


def inject_by_pyrasite(process: Process, attempt: Attempt) -> Injection:
    """Runs the source by pyrasite; the promises are those of `inject`, as far as pyrasite and gdb can keep them.

    Raises `MethodUnavailable`, `PyrasiteFailed`, `PyrasiteHangs`, `BootstrapFailed`, `TargetExited`.
    """
    why = why_unavailable(process)
    if why:
        raise MethodUnavailable(METHOD, why)
    try:
        script = StagedScript(process)
    except NoPlace as place:
        raise MethodUnavailable(METHOD, str(place)) from None
    try:
        folders = (_folder_of_pyrasite(), os.path.dirname(script.path))
        script.write(_AS_BEFORE.format(folders=folders) + attempt.source, attempt.timeout)
        return _run(process, attempt, script)
    except NoPlace as place:
        raise MethodUnavailable(METHOD, str(place)) from None
    finally:
        script.remove()


def _folder_of_pyrasite() -> str:
    spec = importlib.util.find_spec("pyrasite")
    assert spec is not None
    assert spec.origin is not None
    return os.path.dirname(os.path.dirname(spec.origin))


def _run(process: Process, attempt: Attempt, script: StagedScript) -> Injection:
    command = (sys.executable, "-m", "pyrasite.main", "--verbose", str(process.pid), script.path)
    with tempfile.TemporaryFile() as output:
        program = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DEBUGINFOD_URLS": ""},  # gdb would look for symbols in the network
            start_new_session=True,  # Ctrl-C must not reach gdb while the target runs on its behalf
        )
        attempt.note(f"started pyrasite, PID {program.pid}")
        try:
            _wait(process, attempt, program)
        except KeyboardInterrupt:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(_END_SECONDS)
            raise
        output.seek(0)
        said = _lines(output.read().decode("utf-8", "replace"))
    for line in said:
        attempt.note(f"pyrasite: {line.expandtabs(2)}")
    if attempt.arrived():
        attempt.under_way(METHOD, "arrived, called by gdb")
        return attempt.injection
    text = script.error()
    if text:
        raise refused(process, text)
    if not process.alive():
        raise TargetExited(process.pid)
    raise PyrasiteFailed(process.pid, _cause(said))


def _wait(process: Process, attempt: Attempt, program: subprocess.Popen[bytes]) -> None:
    """Waits until pyrasite, and gdb with it, has let go of the process. Raises `PyrasiteHangs`.

    gdb is never killed: a thread that it made to call something would return to a place where gdb wants to catch it,
    and die there.
    """
    end = time.monotonic() + attempt.timeout
    arrived = False
    while program.poll() is None:
        if not arrived and attempt.arrived():
            arrived = True
            end = time.monotonic() + _END_SECONDS
        if time.monotonic() > end:
            raise PyrasiteHangs(process.pid, process.tracer)
        time.sleep(_POLL)


def _cause(said: list[str]) -> str:
    """The line of gdb's that tells most."""
    if any("unknown return type" in line for line in said):
        return "its interpreter has no debugging symbols, without which gdb does not call into it"
    return said[-1] if said else "no reason was given"


def _lines(said: str) -> list[str]:
    """What pyrasite said; it prints the output of gdb as literals of bytes, one a line."""
    lines: list[str] = []
    for line in said.splitlines():
        try:
            literal = ast.literal_eval(line)
        except (ValueError, SyntaxError):
            literal = None
        text = literal.decode("utf-8", "replace") if isinstance(literal, bytes) else line
        lines += [part for part in text.splitlines() if part.strip()]
    return lines
