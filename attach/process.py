"""What /proc says about a process.

Everything here is read afresh on each access, and copes with a process that ends at any moment: then
`NoSuchProcess` is raised, as it is for a PID that was given to another process meanwhile.
"""

import os
import pwd
import time
from collections.abc import Iterator
from functools import cached_property

from attach.errors import NoSuchProcess, NotAProcess
from attach.proc import boottime_offset, check_proc

#: The namespaces that matter for attaching (namespaces(7)).
NAMESPACES = ("mnt", "pid", "net", "user", "time")
#: The name of a thread of live-attach that traces, for others to know it by.
TRACER_NAME = "live-attach"
#: How many bytes of a command line are read: a process can make its own as long as it likes.
_LONGEST_ARGV = 1 << 16
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Process:
    """One process, told from a later one with the same PID by its start time.

    Raises `NoSuchProcess`, `NotAProcess` when the number is a thread's, `OtherProc`.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        if pid <= 0:
            raise NoSuchProcess(pid)
        check_proc()
        tgid = int(self.status_field("Tgid"))
        if tgid != pid:
            raise NotAProcess(pid, tgid)
        #: When it was started, in clock ticks after boot; the same for operators in all time namespaces.
        self.start_time = _start_time(self._stat())

    def __repr__(self) -> str:
        return f"Process({self.pid})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Process) and (self.pid, self.start_time) == (other.pid, other.start_time)

    def __hash__(self) -> int:
        return hash((self.pid, self.start_time))

    # ---- reading ----

    def path(self, name: str) -> str:
        """The path of one of its files in /proc."""
        return f"/proc/{self.pid}/{name}"

    def read(self, name: str, limit: int = -1) -> bytes:
        """The content, or its first `limit` bytes, of one of its files in /proc.

        Raises `NoSuchProcess`; PermissionError is left to the caller.
        """
        try:
            with open(self.path(name), "rb", buffering=0) as file:
                return file.read(limit) or b""
        except (FileNotFoundError, ProcessLookupError):
            raise NoSuchProcess(self.pid) from None

    def image(self) -> bytes:
        """Differs from program to program that the process runs: where the kernel has put it (getauxval(3), ASLR)."""
        try:
            return self.read("auxv")
        except PermissionError:
            return b""

    def _stat(self) -> list[str]:
        """The fields of /proc/PID/stat from the third on. The second, the name, may itself contain ``)``."""
        fields = self.read("stat").decode("utf-8", "replace").rpartition(")")[2].split()
        if len(fields) < 20:
            raise NoSuchProcess(self.pid)
        return fields

    def status_fields(self, *names: str, tid: int | None = None) -> list[str]:
        """Lines of /proc/PID/status, or of one thread's, without their names. Empty ones where this kernel has none."""
        text = b"\n" + self.read("status" if tid is None else f"task/{tid}/status")
        found = (text.partition(f"\n{name}:".encode())[2].partition(b"\n")[0] for name in names)
        return [value.decode("utf-8", "replace").strip() for value in found]

    def status_field(self, name: str, tid: int | None = None) -> str:
        """One of `status_fields`."""
        return self.status_fields(name, tid=tid)[0]

    def _link(self, name: str) -> str:
        """Where one of its links leads, as a path below its own root: the kernel tells it below ours."""
        try:
            path, root = os.readlink(self.path(name)), os.readlink(self.path("root"))
        except (FileNotFoundError, ProcessLookupError):
            raise NoSuchProcess(self.pid) from None
        return path[len(root) :] or "/" if f"{path}/".startswith(f"{root}/") else path

    # ---- facts ----

    def alive(self) -> bool:
        """Whether this very process still exists and is not a zombie."""
        try:
            fields = self._stat()
        except NoSuchProcess:
            return False
        return _start_time(fields) == self.start_time and fields[0] not in "ZX"

    @property
    def state(self) -> str:
        """One letter, as ps(1) shows it: R, S, D, T (stopped), t (traced), Z (zombie), X, I."""
        return self._stat()[0]

    @property
    def ppid(self) -> int:
        """Its parent's PID, 0 if the parent is outside our PID namespace."""
        return int(self._stat()[1])

    @property
    def is_kernel_thread(self) -> bool:
        """Whether it has no program at all (PF_KTHREAD in field 9 of /proc/PID/stat; include/linux/sched.h)."""
        return bool(int(self._stat()[6]) & 0x00200000)

    @property
    def name(self) -> str:
        """The main thread's name, at most 15 bytes (/proc/PID/comm)."""
        return self.read("comm").decode("utf-8", "replace").rstrip("\n")

    @property
    def argv(self) -> list[str]:
        """The command line, the first 64 KiB of it; empty for a kernel thread and a zombie."""
        raw = self.read("cmdline", _LONGEST_ARGV)
        return [part.decode("utf-8", "replace") for part in raw.rstrip(b"\0").split(b"\0")] if raw else []

    @property
    def exe(self) -> str:
        """The path of its executable below its own root. Raises PermissionError."""
        return self._link("exe")

    @property
    def cwd(self) -> str:
        """Its working directory, below its own root. Raises PermissionError."""
        return self._link("cwd")

    @property
    def root(self) -> str:
        """The path below which we see the target's file system. Following its symlinks leads into our own
        root.
        """
        return self.path("root")

    def sees_other_files(self) -> bool:
        """Whether a path may mean another file there than here: another mount namespace, or chroot."""
        if "mnt" in self.foreign_namespaces:
            return True
        try:
            ours, theirs = os.stat("/"), os.stat(self.root + "/")
        except OSError:
            return True
        return (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino)

    def started_at(self) -> float:
        """When it was started, in seconds since the epoch, to about a hundredth."""
        with open("/proc/uptime", encoding="ascii") as file:
            uptime = float(file.read().split()[0]) - boottime_offset() / 1e9
        return time.time() - uptime + self.start_time / os.sysconf("SC_CLK_TCK")

    def _ids(self, name: str) -> list[int]:
        return [int(field) for field in self.status_field(name).split()]

    @property
    def uid(self) -> int:
        """The real user id."""
        return self._ids("Uid")[0]

    @property
    def euid(self) -> int:
        """The effective user id: files the process makes belong to it, nearly always."""
        return self._ids("Uid")[1]

    @property
    def egid(self) -> int:
        """The effective group id."""
        return self._ids("Gid")[1]

    @property
    def user(self) -> str:
        """The effective user's name here, or its number if it has none."""
        euid = self.euid
        try:
            return pwd.getpwuid(euid).pw_name
        except KeyError:
            return str(euid)

    @property
    def tracer(self) -> int:
        """The PID of the program that traces its main thread, 0 if none."""
        found = self.tracer_of(self.pid)
        return found[0] if found else 0

    def tracer_of(self, tid: int) -> tuple[int, str] | None:
        """PID and name of the program that traces one of its threads. The kernel names a thread of that program."""
        tracer = int(self.status_field("TracerPid", tid) or 0)
        if not tracer:
            return None
        try:
            program = Process(tracer)
        except NotAProcess as thread:
            program = Process(thread.pid)
        except NoSuchProcess:
            return tracer, "another program"
        return program.pid, program.name

    def traced_by_attach(self, tid: int) -> bool:
        """Whether another live-attach traces the thread, by the name it has given its thread that does."""
        tracer = self.status_field("TracerPid", tid)
        try:
            with open(f"/proc/{int(tracer or 0)}/comm", encoding="utf-8", errors="replace") as file:
                return file.read().rstrip("\n") == TRACER_NAME
        except OSError:
            return False

    @property
    def seccomp(self) -> int:
        """0: none, 1: strict, 2: filter (seccomp(2))."""
        return int(self.status_field("Seccomp") or 0)

    @cached_property
    def inner_pid(self) -> int:
        """Its PID in its own, innermost PID namespace: what ``os.getpid()`` says there."""
        return int((self.status_field("NSpid") or str(self.pid)).split()[-1])

    @property
    def foreign_namespaces(self) -> frozenset[str]:
        """Which of `NAMESPACES` differ from ours; those that cannot be read are left out."""
        different = set()
        for kind in NAMESPACES:
            try:
                if os.readlink(self.path(f"ns/{kind}")) != os.readlink(f"/proc/self/ns/{kind}"):
                    different.add(kind)
            except OSError:
                continue
        return frozenset(different)

    # ---- threads ----

    def tids(self) -> list[int]:
        """The ids of its threads as we see them, the main thread's (which is the PID) first."""
        try:
            names = os.listdir(self.path("task"))
        except (FileNotFoundError, ProcessLookupError):
            raise NoSuchProcess(self.pid) from None
        return sorted((int(name) for name in names), key=lambda tid: (tid != self.pid, tid))

    def children(self) -> list[int]:
        """The PIDs of its living children, in ascending order (proc_pid_task_tid_children(5))."""
        found: list[int] = []
        for tid in self.tids():
            try:
                found += map(int, self.read(f"task/{tid}/children").split())
            except NoSuchProcess:
                continue  # this thread has just ended
        return sorted(found)

    def has_thread(self, tid: int) -> bool:
        """Whether `tid` is, at this moment, a thread of this process."""
        return os.path.exists(self.path(f"task/{tid}"))

    def has_slept(self, tid: int, switches: int) -> bool:
        """Whether the thread waits now, or has left the processor since `context_switches` gave `switches`."""
        try:
            return self.status_field("State", tid)[:1] != "R" or self.context_switches(tid) != switches
        except NoSuchProcess:
            return True

    def context_switches(self, tid: int) -> int:
        """How often the thread has left the processor so far."""
        names = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
        return sum(int(value or 0) for value in self.status_fields(*names, tid=tid))

    def tids_by_inner_id(self) -> dict[int, int]:
        """Each thread's id in its innermost PID namespace (``native_thread_id``) -> its id here."""
        found = {}
        for tid in self.tids():
            try:
                inner = self.status_field("NSpid", tid)
            except NoSuchProcess:
                continue  # this thread has just ended
            found[int(inner.split()[-1]) if inner else tid] = tid
        return found


def _start_time(stat: list[str]) -> int:
    """Field 22 of /proc/PID/stat, which the kernel shifts into the reader's time namespace, as in the initial one."""
    return int(stat[19]) - boottime_offset() // _TICK_NS


def pids() -> Iterator[int]:
    """The PIDs of all processes that we see, in no order."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)
