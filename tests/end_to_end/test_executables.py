"""The whole command on every kind of executable that Python runs in: it works, and nothing is left."""

import os
import shutil
import signal
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

from tests.support.command import attach, succeed
from tests.support.environments import EMBEDDERS, environment
from tests.support.executables import EMBEDDING, compiled, copied, frozen, shared_library, without_sections
from tests.support.interpreters import Interpreter, on_interpreters, require_interpreter
from tests.support.marks import TARGETS
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import Target, http_get, running, wait_until

STEPS = TARGETS / "steps.py"
both_linkings = on_interpreters("3.11", "3.14")

#: Becomes another program, with the same PID, at SIGUSR1.
EXECS = """
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: os.execv(sys.argv[1], sys.argv[1:]))
exec(open(sys.argv[2]).read(), {"__name__": "__main__"})
"""
#: Is started from a file that has no name, as some packers start what they have unpacked.
FROM_MEMORY = """
import os, sys
memory = os.memfd_create("program", 0)
os.write(memory, open(sys.argv[1], "rb").read())
os.execve(memory, sys.argv[1:], dict(os.environ))
"""
#: Maps the files it was started from as plain data, as debuggers and packers do.
MAPS_ITSELF = """
import mmap, sys
names = {line.split()[-1] for line in open("/proc/self/maps") if " /" in line and "python" in line}
files = [open(name, "rb") for name in sorted(names)]
maps = [mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) for file in files]
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), {"__name__": "__main__"})
"""
#: Loads a library that it never uses.
LOADS = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
exec(compile(open(sys.argv[2]).read(), sys.argv[2], "exec"), {"__name__": "__main__"})
"""
#: What looks like a Python 2.
IMPOSTOR = "int Py_AddPendingCall(void) { return 0; } int PyGILState_Ensure(void) { return 0; }"


def listed(pid: int) -> list[str]:
    """The lines of ``attach ps`` about a process."""
    return [line for line in succeed("ps").stdout.splitlines() if line.split()[0] == str(pid)]


def assert_measured_and_left(target: Target | int, name: str = "steps.py", version: str = "") -> None:
    """It is listed, measured and left, and is then as it was."""
    pid = target if isinstance(target, int) else target.pid
    before = settled_picture(pid)
    (line,) = listed(pid)
    assert f" {version}" in line, line
    succeed(pid, "start-coverage", "-L")
    wait_until(lambda: attach(pid, "snapshot").code == 0, "lines")
    assert name in succeed(pid, "snapshot").stdout
    succeed(pid, "detach")
    # an extension of the standard library that we were the first to need stays mapped: CPython unloads none
    assert_untouched(before, pid, ignoring=("mapped_files",))


@both_linkings
def test_started_and_deleted(interpreter: Interpreter, tmp_path: Path) -> None:
    """Executable and libpython are gone from the disk."""
    program = copied(interpreter, tmp_path)
    with running([program.path, STEPS], ready="^ready$", env=program.env) as target:
        for file in program.files:
            file.unlink()
        assert_measured_and_left(target, version=interpreter.minor)


@pytest.mark.parametrize(("minor", "newer"), [("3.11", "3.12"), ("3.14", "3.15"), ("3.8", "3.14")])
def test_upgraded_while_running(minor: str, newer: str, tmp_path: Path) -> None:
    """Executable and libpython were replaced by those of another version: what counts is what runs."""
    new = tmp_path / "new"
    new.mkdir()
    old_files = copied(require_interpreter(minor), tmp_path)
    new_files = copied(require_interpreter(newer), new).files
    with running([old_files.path, STEPS], ready="^ready$", env=old_files.env) as target:
        for file in old_files.files:
            shutil.copy(new_files[-1], f"{file}.new")
            os.replace(f"{file}.new", file)
        assert_measured_and_left(target, version=minor)


@both_linkings
def test_stripped(interpreter: Interpreter, tmp_path: Path) -> None:
    """Executable and libpython have no section headers, so nothing that strip(1) could take."""
    program = copied(interpreter, tmp_path)
    for file in program.files:
        without_sections(file)
    with running([program.path, STEPS], ready="^ready$", env=program.env) as target:
        assert_measured_and_left(target, version=interpreter.minor)


@both_linkings
def test_without_a_name(interpreter: Interpreter, tmp_path: Path) -> None:
    """The executable is a memfd."""
    program = copied(interpreter, tmp_path)
    command = [sys.executable, "-E", "-c", FROM_MEMORY, program.path, STEPS]
    with running(command, ready="^ready$", env=program.env) as target:
        assert os.readlink(f"/proc/{target.pid}/exe").startswith("/memfd:program")
        assert_measured_and_left(target, version=interpreter.minor)


@both_linkings
def test_its_own_files_mapped_as_data(interpreter: Interpreter) -> None:
    """Files that are mapped as data too are told from the images that run."""
    with running([interpreter.path, "-c", MAPS_ITSELF, STEPS], ready="^ready$") as target:
        assert_measured_and_left(target, version=interpreter.minor)


@on_interpreters("3.9", "3.15")
def test_every_switch_of_isolation(interpreter: Interpreter) -> None:
    """`-I -S -E -OO`: no site-packages, no environment, no docstrings, no assertions."""
    with running([interpreter.path, "-I", "-S", "-E", "-OO", STEPS], ready="^ready$") as target:
        assert_measured_and_left(target)


@on_interpreters("3.10", "3.14")
def test_a_venv_that_was_deleted(interpreter: Interpreter, tmp_path: Path) -> None:
    """The virtual environment it runs from is gone."""
    subprocess.run([interpreter.path, "-I", "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    with running([tmp_path / "venv" / "bin" / "python", STEPS], ready="^ready$") as target:
        shutil.rmtree(tmp_path / "venv")
        assert_measured_and_left(target)


@on_interpreters("3.8", "3.13")
def test_a_zip_application(interpreter: Interpreter, tmp_path: Path) -> None:
    """A program in an archive is measured; its sources are no files of their own, which the report says."""
    (tmp_path / "app").mkdir()
    shutil.copy(STEPS, tmp_path / "app" / "__main__.py")
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz")
    with running([interpreter.path, tmp_path / "app.pyz"], ready="^ready$") as target:
        before = settled_picture(target.pid)
        succeed(target.pid, "start-coverage", "-L")
        wait_until(lambda: "app.pyz" in str(attach(target.pid, "snapshot")), "lines")
        assert "inside an archive" in str(attach(target.pid, "snapshot"))
        succeed(target.pid, "detach")
        assert_untouched(before, target.pid, ignoring=("mapped_files",))


@pytest.mark.parametrize(("minor", "other"), [("3.11", "3.11"), ("3.9", "3.14")])
def test_another_program_with_the_same_pid(minor: str, other: str) -> None:
    """After execve(2) nothing of the agent is there, and the new program is attached to like any other."""
    first, second = require_interpreter(minor), require_interpreter(other)
    with running([first.path, "-c", EXECS, second.path, STEPS], ready="^ready$") as target:
        succeed(target.pid, "start-coverage")
        os.kill(target.pid, signal.SIGUSR1)
        wait_until(lambda: target.stdout.count("ready") == 2, "the second program")
        assert "not attached" in attach(target.pid, "status").stdout
        assert_measured_and_left(target, version=other)


@pytest.mark.parametrize(("minor", "plugin"), [("3.12", "3.8"), ("3.8", "3.12"), ("3.11", "3.11")])
def test_a_second_libpython(minor: str, plugin: str, tmp_path: Path) -> None:
    """Of two interpreters in a process the one that runs counts, whatever the other one's version."""
    library = shared_library(require_interpreter(plugin))
    copy = Path(shutil.copy(library, tmp_path / f"0-{library.name}"))
    with running([require_interpreter(minor).path, "-c", LOADS, copy, STEPS], ready="^ready$") as target:
        assert str(copy) in Path(f"/proc/{target.pid}/maps").read_text()
        assert_measured_and_left(target, version=minor)


@on_interpreters("3.12")
def test_something_that_looks_like_an_old_python(interpreter: Interpreter, tmp_path: Path) -> None:
    """A library with the symbols of a Python 2 does not hide the interpreter."""
    impostor = compiled(IMPOSTOR, tmp_path / "libpython2.so", "-shared", "-fPIC")
    with running([interpreter.path, "-c", LOADS, impostor, STEPS], ready="^ready$") as target:
        assert_measured_and_left(target, version=interpreter.minor)


@pytest.mark.parametrize("main_thread", ["waits", "computes"])
@on_interpreters("3.8", "3.11", "3.13")
def test_embedded_in_a_c_program(interpreter: Interpreter, main_thread: str, tmp_path: Path) -> None:
    """A C program runs Python in another thread than its main one, which waits or computes for ever."""
    library = shared_library(interpreter)
    program = compiled(EMBEDDING, tmp_path / "program", "-ldl", "-lpthread")
    run = f"__file__ = {str(STEPS)!r}; exec(compile(open(__file__).read(), __file__, 'exec'))"
    with running([program, library, run, main_thread], ready="^ready$") as target:
        assert_measured_and_left(target, version=interpreter.minor)


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not here")
def test_the_python_in_gdb() -> None:
    """gdb's own Python."""
    run = f"python __file__ = {str(STEPS)!r}; exec(compile(open(__file__).read(), __file__, 'exec'))"
    with running(["gdb", "-nx", "-batch", "-ex", run], ready="^ready$") as target:
        assert_measured_and_left(target)


@on_interpreters("3.8", "3.14")
def test_uwsgi(interpreter: Interpreter) -> None:
    """uWSGI in one process, which serves requests while it is measured."""
    uwsgi = environment(interpreter, EMBEDDERS).parent / "uwsgi"
    command = [uwsgi, "--http-socket", "127.0.0.1:0", "--wsgi-file", TARGETS / "wsgi_steps.py", "--need-app"]
    command += ["--enable-threads", "--die-on-term"]
    with running(command, ready=r"bound to TCP address 127\.0\.0\.1:(?P<port>\d+)") as target:
        target.wait_for("spawned uWSGI worker 1")
        before = settled_picture(target.pid)
        assert len(listed(target.pid)) == 1
        succeed(target.pid, "start-coverage", "-L")
        assert http_get(target.port).text == "2"
        assert "wsgi_steps.py" in succeed(target.pid, "snapshot").stdout
        succeed(target.pid, "detach")
        assert_untouched(before, target.pid, ignoring=("mapped_files",))
        assert http_get(target.port).text == "2"


@on_interpreters("3.12")
def test_a_frozen_program(interpreter: Interpreter) -> None:
    """A one-file program by PyInstaller: Python runs in the child of the process that has unpacked it."""
    with running([frozen(interpreter, STEPS)], ready="^ready$") as target:
        (child,) = target.children()
        before = settled_picture(child)
        (line,) = listed(child)
        assert f" {interpreter.minor}" in line, line
        succeed(child, "start-coverage", "-L")
        wait_until(lambda: "steps.py" in str(attach(child, "snapshot")), "lines")
        succeed(child, "detach")
        assert_untouched(before, child, ignoring=("mapped_files",))
