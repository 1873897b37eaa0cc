"""Containers for targets, made of bare namespaces; mounts and namespaces vanish with the program."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from attach.process import Process
from tests.support.interpreters import Interpreter
from tests.support.processes import NotReady, Target, running, wait_until

INIT = Path(__file__).with_name("container_init.py")
REPOSITORY = Path(__file__).parents[2]
#: What of the machine's file system is in a container's: programs, libraries, some devices.
SHOWN = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/passwd", "/etc/group", "/etc/ld.so.cache")
DEVICES = ("/dev/null", "/dev/urandom")


@dataclass(frozen=True)
class Container:
    """What a container is like."""

    #: Namespaces of its own, by their names in /proc/PID/ns.
    namespaces: tuple[str, ...] = ()
    #: Whether it has a file system of its own; the program is then in `place`.
    own_root: bool = False
    place: str = "/app"
    #: Whether that was entered by chroot(2) instead of pivot_root(2).
    chroot: bool = False
    read_only: bool = False
    #: Whether /proc is mounted in it.
    proc: bool = True
    #: /tmp and what else may stand for it: "plain", "noexec", "missing", "->PATH".
    temporary: dict[str, str] = field(default_factory=lambda: {"/tmp": "plain"})
    #: The user namespace's ids: inner, outer, how many.
    mapping: tuple[int, int, int] = (0, 0, 1)
    #: The user it runs as, by the ids of its own user namespace; 0 changes nothing.
    uid: int = 0
    #: PID namespaces below the first.
    nested: int = 0
    #: Whether PID 1 is another process.
    init: bool = False
    #: A user namespace around its own.
    outer_user: bool = False
    #: An ordinary user who makes it all.
    creator: int = 0
    #: What the kernel is told to have been the last PID.
    last_pid: int = 0


@dataclass(frozen=True)
class Contained:
    """A program in a container: its PID here, and the process that made the container."""

    pid: int
    target: Target

    def path(self, name: str) -> Path:
        """What the program calls `name`, as far as no link is in the way."""
        return Path(f"/proc/{self.pid}/root{name}")


@contextmanager
def contained(
    container: Container, interpreter: Interpreter, script: Path, *arguments: str, more: Sequence[str | Path] = ()
) -> Iterator[Contained]:
    """Run `script` in a container until the block ends; it says "ready". Skips where the kernel forbids it.

    `more` are folders of the machine that are shown in its file system.
    """
    if os.geteuid() != 0 and (container.uid or container.creator or container.mapping != Container.mapping):
        pytest.skip("only root has other users to map or to become")
    with tempfile.TemporaryDirectory(prefix="live-attach-root-") as root:
        os.chmod(root, 0o755)
        config = asdict(container) | {"root": "", "shown": [], "files": {}}
        place = str(script)
        if container.own_root:
            prefix = interpreter.path.parent.parent
            # what is fetched is not at its place in /usr, but in a folder that has its own C library
            prefix = prefix.parent if prefix.name == "usr" and prefix != Path("/usr") else prefix
            shown = [*SHOWN, *DEVICES, *map(str, more)] + ([] if str(prefix) == "/usr" else [str(prefix)])
            place = f"{container.place}/{script.name}"
            config |= {"root": root, "shown": shown, "files": {place: str(script)}}
        command: list[str | Path] = [sys.executable, "-I", INIT, json.dumps(config)]
        command += [interpreter.path, place, *arguments]
        try:
            with running(command, ready="^ready$") as target:
                pid = innermost(target.pid)
                if "sleep" in arguments:  # else it may get a pending call, which waits for the end of the sleep
                    wait_until(lambda: Process(pid).state == "S", "the sleep")
                yield Contained(pid, target)
        except NotReady as error:
            if "the kernel forbids it" in str(getattr(error, "__notes__", "")):
                pytest.skip(f"namespaces are forbidden here: {error.__notes__[-1][-300:]}")
            raise


def innermost(pid: int) -> int:
    """The last of a line of only children."""

    def follow() -> int:
        last = pid
        while True:
            children = Path(f"/proc/{last}/task/{last}/children").read_text().split()
            if not children:
                return last
            last = int(children[0])

    return wait_until(follow, "the program")
