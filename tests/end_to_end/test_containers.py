"""The whole command with containers: from the host, from inside, and by users who own the container."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.command import ATTACH, Done, assert_explained, attach, succeed
from tests.support.containers import REPOSITORY, Contained, Container, contained
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import running, wait_until

EVERYTHING = ("mnt", "pid", "net", "user", "uts", "cgroup", "time", "ipc")
SHIFTED = (0, 100_000, 65_536)
NOBODY = 65534
STEPS = TARGETS / "steps.py"
pytestmark = pytest.mark.skipif(
    not (shutil.which("nsenter") and shutil.which("unshare")), reason="nsenter and unshare (util-linux) are not here"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="enters the namespaces of others")


def assert_measured_and_left(container: Contained, pid: int = 0, program: Sequence[str] = ATTACH) -> None:
    """It is measured and left by `program`, for which it is process `pid`, and is then as it was."""
    pid = pid or container.pid
    before = settled_picture(container.pid)

    def run(*words: str) -> Done:
        return attach(pid, *words, program=program, cwd=Path("/"))

    done = run("start-coverage")
    assert done.code == 0, str(done)
    wait_until(lambda: run("snapshot").code == 0, "lines")
    done = run("snapshot", "--show-missing")
    (row,) = [line for line in done.stdout.splitlines() if "steps.py" in line]
    assert row.split()[1] == "16", done.stdout  # statements: so it is the right source, and it was read
    assert run("detach").code == 0
    assert_untouched(before, container.pid, ignoring=("mapped_files",))


@on_interpreters("3.11", "3.14")
def test_from_the_host(interpreter: Interpreter) -> None:
    """A container with namespaces of every kind is measured by its PID on the host; the sources are the container's."""
    kind = Container(EVERYTHING, own_root=True, mapping=SHIFTED)
    with contained(kind, interpreter, STEPS) as container:
        assert_measured_and_left(container)


@on_interpreters("3.9")
def test_without_proc(interpreter: Interpreter) -> None:
    """Without /proc in the container the tracer of Python 3.8 to 3.11 cannot be loaded; nothing stays."""
    with contained(Container(own_root=True, chroot=True, proc=False), interpreter, STEPS) as container:
        before = settled_picture(container.pid)
        assert_explained(attach(container.pid, "start-coverage"), 6, "[tracer-unusable]")
        assert_untouched(before, container.pid, ignoring=("mapped_files",))


@on_interpreters("3.12")
def test_sources_of_the_same_name(interpreter: Interpreter, tmp_path: Path) -> None:
    """A file of the host's that has the name of the container's is not what the report shows."""
    ours = tmp_path / "steps.py"
    ours.write_text("print('another program')\n")
    kind = Container(("mnt",), own_root=True, place=str(tmp_path), temporary={"/var/tmp": "plain"})
    with contained(kind, interpreter, STEPS) as container:
        assert_measured_and_left(container)


@pytest.mark.parametrize("source", ["/srv", "app"])
@on_interpreters("3.13")
def test_a_source_named_on_the_command_line(interpreter: Interpreter, source: str) -> None:
    """--source takes a directory of the container's, also through its own links or relative to where the program is."""
    kind = Container(own_root=True, chroot=True, temporary={"/tmp": "plain", "/srv": "->/app"})
    with contained(kind, interpreter, STEPS) as container:
        succeed(container.pid, "start-coverage", "--source", source, cwd=Path("/etc"))
        wait_until(lambda: attach(container.pid, "snapshot").code == 0, "lines")
        assert "steps.py" in succeed(container.pid, "snapshot").stdout


@needs_root
@on_interpreters("3.14")
def test_from_inside(interpreter: Interpreter) -> None:
    """An operator in all of the container's namespaces, with an attach that is in its file system."""
    shown = [str(REPOSITORY), sys.base_prefix]
    kind = Container(EVERYTHING, own_root=True, init=True, mapping=SHIFTED)
    with contained(kind, interpreter, STEPS, more=shown) as container:
        enter = ["nsenter", "--target", str(container.pid), "--all"]
        assert_measured_and_left(container, 2, [*enter, *ATTACH])
        # the same from the host, between two commands from inside: it is one agent, whatever the clock of each
        done = attach(2, "start-coverage", program=[*enter, *ATTACH])
        assert done.code == 0, str(done)
        assert "measuring" in succeed(container.pid, "status").stdout.lower()
        assert_explained(attach(container.pid, "start-coverage"), 6, "[coverage-running]")
        assert attach(2, "detach", program=[*enter, *ATTACH]).code == 0


@needs_root
@on_interpreters("3.12")
def test_from_a_sidecar(interpreter: Interpreter) -> None:
    """An operator in the container's PID namespace, with a file system of its own."""
    with contained(Container(("mnt", "pid", "net"), own_root=True), interpreter, STEPS) as container:
        beside = ["nsenter", "--target", str(container.pid), "--pid", "unshare", "--mount-proc"]
        assert_measured_and_left(container, 1, [*beside, *ATTACH])


@needs_root
@on_interpreters("3.11")
def test_from_another_time_namespace(interpreter: Interpreter) -> None:
    """Operators in different time namespaces meet the same agent."""
    with running([interpreter.path, STEPS], ready="^ready$") as target:
        elsewhere = ["unshare", "--time", "--boottime", "100000", "--fork", *ATTACH]
        succeed(target.pid, "start-coverage", "-L")
        wait_until(lambda: attach(target.pid, "snapshot").code == 0, "lines")
        assert "steps.py" in attach(target.pid, "snapshot", program=elsewhere).stdout
        assert_explained(attach(target.pid, "start-coverage", program=elsewhere), 6, "[coverage-running]")
        assert attach(target.pid, "detach", program=elsewhere).code == 0
        assert "not attached" in succeed(target.pid, "status").stdout


@needs_root
@on_interpreters("3.12")
def test_from_the_user_namespace_around(interpreter: Interpreter) -> None:
    """An operator who is root in the user namespace that owns the container's."""
    kind = Container(("mnt", "pid", "user"), own_root=True, outer_user=True)
    with contained(kind, interpreter, STEPS) as container:
        around = ["nsenter", "--target", str(container.target.pid), "--user", "--preserve-credentials"]
        assert_measured_and_left(container, program=[*around, *ATTACH])


@needs_root
@on_interpreters("3.12")
def test_from_a_user_namespace_beside(interpreter: Interpreter) -> None:
    """Root of another user namespace is refused, and nothing is done to the target."""
    with contained(Container(("mnt", "pid"), own_root=True), interpreter, STEPS) as container:
        before = settled_picture(container.pid)
        beside = ["unshare", "--user", "--map-root-user", *ATTACH]
        done = attach(container.pid, "start-coverage", program=beside)
        assert_explained(done, 4, "user namespace")
        assert_untouched(before, container.pid)


@needs_root
@on_interpreters("3.14")
def test_rootless(interpreter: Interpreter, nobodys_attach: list[str]) -> None:
    """The ordinary user who has made a container is its operator, without any privilege."""
    kind = Container(EVERYTHING, own_root=True, creator=NOBODY, mapping=(0, NOBODY, 1))
    with contained(kind, interpreter, STEPS) as container:
        assert_measured_and_left(container, program=nobodys_attach)


@needs_root
@on_interpreters("3.12")
def test_the_proc_of_another_namespace(interpreter: Interpreter) -> None:
    """With a /proc whose numbers name other processes nothing is touched."""
    with running([interpreter.path, STEPS], ready="^ready$") as target:
        before = settled_picture(target.pid)
        lost = ["unshare", "--pid", "--fork", *ATTACH]
        for words in ((target.pid, "start-coverage"), (target.pid, "status"), ("ps",)):
            assert_explained(attach(*words, program=lost), 5, "[other-proc]", "mount -t proc")
        assert_untouched(before, target.pid)
