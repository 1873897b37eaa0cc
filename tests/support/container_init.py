"""Starts a program in namespaces of its own: what a container runtime does, and nothing of it outlives the program.

    python container_init.py '{"namespaces": ["mnt", "pid"], ...}' PROGRAM ARGUMENTS...

The keys are those of tests.support.containers.Container. All mounts are made in a mount namespace that ends with its
last process; this process stays and waits, and when it ends, so does the program. Exit status 77: the kernel forbids
something.
"""

import ctypes
import errno
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
config: dict[str, Any] = {}
CLONE = {
    "time": 0x80,
    "mnt": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
MS_RDONLY, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 8, 32, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
FORBIDDEN = 77
#: What the kernel says where namespaces are forbidden, or no more of them allowed (unshare(2)).
FORBIDDING = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOSPC)


def check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    check(libc.mount(*(text and text.encode() for text in (source, target, kind)), flags, options and options.encode()))


def unshare(names: list[str]) -> None:
    """Enter new namespaces of these kinds."""
    flags = 0
    for name in names:
        flags |= CLONE[name]
    check(libc.unshare(flags))


def bind(path: str, root: str) -> None:
    """Show `path` at the same place below `root`; parents are made, and everybody may go through them."""
    target = root + path
    if os.path.islink(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "w").close()
    mount(path, target, flags=MS_BIND | MS_REC)


def build_root() -> None:
    """A file system of its own on a tmpfs: the machine's programs, the files of the test, and a /tmp as wanted."""
    root = config["root"]
    mount("tmpfs", root, "tmpfs", options="mode=755")
    for path in config["shown"]:
        if os.path.lexists(path):
            bind(path, root)
    for path, original in config["files"].items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        with open(original, "rb") as source, open(root + path, "wb") as file:
            file.write(source.read())
    os.makedirs(root + "/proc")
    for path, state in config["temporary"].items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        if state == "missing":
            continue
        if state.startswith("->"):
            os.symlink(state[2:], root + path)
            continue
        os.mkdir(root + path)
        os.chmod(root + path, 0o1777)
        mount("tmpfs", root + path, "tmpfs", MS_NOEXEC if state == "noexec" else 0, "mode=1777")


def enter_root() -> None:
    """Make it ours, by pivot_root(2) as runtimes do, or by chroot(2)."""
    root = config["root"]
    mount(root, root, flags=MS_BIND | MS_REC)  # the mount below is locked in a new user namespace
    if "pid" in config["namespaces"] and config["proc"]:
        mount("proc", root + "/proc", "proc")
    elif config["proc"]:
        mount("/proc", root + "/proc", flags=MS_BIND | MS_REC)
    if config["read_only"]:
        mount(None, root, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)
    os.chdir(root)
    if config["chroot"]:
        os.chroot(".")
    else:
        check(libc.syscall(SYS_PIVOT_ROOT[os.uname().machine], b".", b"."))
        check(libc.umount2(b".", MNT_DETACH))
    os.chdir("/")


def map_ids(inner: int, outer: int, count: int) -> Callable[[], None]:
    """Map the ids of our new user namespace, by a child that has stayed in the old one; call before `unshare`."""
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        status = 0
        try:
            if os.geteuid():
                with open(f"/proc/{parent}/setgroups", "w") as file:
                    file.write("deny")
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{parent}/{name}", "w") as file:
                    file.write(f"{inner} {outer} {count}\n")
        except OSError as error:
            print(f"container_init: the kernel forbids it: {error}", file=sys.stderr, flush=True)
            status = FORBIDDEN
        os._exit(status)
    os.close(reading)

    def done() -> None:
        os.close(writing)
        if os.waitpid(child, 0)[1]:
            os._exit(FORBIDDEN)

    return done


def new_user_namespace(others: list[str], mapping: tuple[int, int, int]) -> None:
    """Enter a new user namespace, and with it, so that they belong to it, the `others`."""
    done = map_ids(*mapping)
    unshare(["user", *others])
    done()
    become(mapping[0])


def go_on_in_child() -> None:
    """Fork; the child returns, this process waits for it and ends as it does."""
    parent = os.getpid()
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
    die_with(parent)


def die_with(parent: int) -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if "pid" not in config["namespaces"] and os.getppid() != parent:
        os._exit(1)


def become(uid: int) -> None:
    """Change to another user for good. Then the kernel protects us from him, and forgets with whom we end."""
    try:
        os.setgroups([])
    except PermissionError:  # whoever maps only himself may not
        pass
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    libc.prctl(PR_SET_DUMPABLE, 1)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def surround() -> None:
    """All that has to be there before the program's own namespaces: its files, and who makes the rest."""
    if os.geteuid():
        new_user_namespace(["mnt"], (0, os.geteuid(), 1))
    elif config["root"]:
        unshare(["mnt"])
    if config["root"]:
        mount(None, "/", flags=MS_REC | MS_PRIVATE)
        build_root()
    if config["creator"]:  # an ordinary user, who makes everything else in a namespace of his own (rootless)
        become(config["creator"])
    if config["outer_user"]:  # one around it, in which an operator may be
        new_user_namespace([], (0, 0, 1))
        go_on_in_child()


def contain() -> None:
    """Enter all that is wanted."""
    surround()
    others = [name for name in config["namespaces"] if name != "user"]
    if "user" not in config["namespaces"]:
        unshare(others)
    else:
        if config["root"] and "mnt" not in others:
            others.append("mnt")
        new_user_namespace(others, config["mapping"])
    if "time" in others:
        with open("/proc/self/timens_offsets", "w") as file:
            file.write("boottime 100000 0\nmonotonic 100000 0\n")
    go_on_in_child()
    for _ in range(config["nested"]):
        unshare(["pid"])
        go_on_in_child()
    if config["root"]:
        enter_root()
    if config["last_pid"]:
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(config["last_pid"]))
    if config["init"]:  # PID 1 is another one
        go_on_in_child()


def main(program: list[str]) -> None:
    """Enter the container, and become the program in it."""
    # it ends with the process that started it, whatever becomes of that
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        contain()
        if config["uid"]:
            become(config["uid"])
    except OSError as error:
        if error.errno not in FORBIDDING:
            raise
        print(f"container_init: the kernel forbids it: {error}", file=sys.stderr, flush=True)
        os._exit(FORBIDDEN)
    os.execv(program[0], program)


if __name__ == "__main__":
    config |= json.loads(sys.argv[1])
    main(sys.argv[2:])
