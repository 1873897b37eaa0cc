"""A picture of a process from outside, to show that it is afterwards what it was before.

What the program itself sees (sys.modules, hooks, tracers) is the business of tests/targets/interior.py.
"""

import os
import re
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path

from tests.support.processes import NotReady, wait_until

SETTLING = 0.2  # seconds


@dataclass(frozen=True)
class Picture:
    """What /proc says about a process, without the numbers that change by themselves.

    Each field holds names and how often they occur; memory that a heap grows by is left out.
    """

    threads: Counter[str]  # "name, blocked signals 0000000000000000"
    descriptors: Counter[str]  # "4 -> socket:[81]"
    mapped_files: Counter[str]  # files, and memfds, that are mapped, once each
    executable_memory: Counter[str]  # mappings that are executable and belong to no file, by size
    signals: Counter[str]  # which are ignored and which are caught: "SigCgt 0000000000000002"
    tracer: Counter[str]  # who traces it
    children: Counter[str]


def picture(pid: int) -> Picture:
    """The picture of `pid` now. A ProcessLookupError or FileNotFoundError says that it has ended."""
    process = Path(f"/proc/{pid}")
    status = _status(process)
    threads: Counter[str] = Counter()
    children: Counter[str] = Counter()
    for task in _entries(process / "task"):
        try:
            own = _status(task)
            threads[f"{own['Name']}, blocked signals {own['SigBlk']}"] += 1
            children.update((task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # this thread has just ended
    files, executable = _memory(process)
    return Picture(
        threads=threads,
        descriptors=_descriptors(process),
        mapped_files=files,
        executable_memory=executable,
        signals=Counter(f"{name} {_own_signals(status[name])}" for name in ("SigIgn", "SigCgt")),
        tracer=Counter([f"TracerPid {status['TracerPid']}"]),
        children=children,
    )


def settled_picture(pid: int, timeout: float = 10) -> Picture:
    """The picture of a process that is at rest: it has stayed the same for SETTLING seconds."""
    last, since = picture(pid), time.monotonic()

    def unchanged() -> bool:
        nonlocal last, since
        now = picture(pid)
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= SETTLING

    wait_until(unchanged, f"process {pid} to settle", timeout)
    return last


def differences(before: Picture, after: Picture, ignoring: Collection[str] = ()) -> list[str]:
    """What came and what went, one line each: `descriptors: + 7 -> socket:[4711]`. Empty if nothing did.

    `ignoring` names fields that do not count.
    """
    found = []
    for field in fields(Picture):
        if field.name not in ignoring:
            old: Counter[str] = getattr(before, field.name)
            new: Counter[str] = getattr(after, field.name)
            for sign, lines in (("-", old - new), ("+", new - old)):
                found += [f"{field.name}: {sign} {line}" for line in sorted(lines.elements())]
    return found


def assert_untouched(before: Picture, pid: int, ignoring: Collection[str] = (), timeout: float = 10) -> None:
    """The process comes to look as `before` within `timeout` seconds; if not, the differences are named."""
    remaining: list[str] = []

    def same() -> bool:
        remaining[:] = differences(before, picture(pid), ignoring)
        return not remaining

    try:
        wait_until(same, "the process to look as before", timeout)
    except NotReady:
        raise AssertionError("\n".join([f"process {pid} is not as it was:", *remaining])) from None


def _status(folder: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+):\t(.*)$", (folder / "status").read_text(), re.MULTILINE))


def _own_signals(mask: str) -> str:
    """Without 32 and 33, which glibc catches from the first pthread_create on, for good (nptl(7))."""
    return f"{int(mask, 16) & ~(0b11 << 31):016x}"


def _entries(folder: Path) -> list[Path]:
    return [folder / name for name in os.listdir(folder)]


def _descriptors(process: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for descriptor in _entries(process / "fd"):
        try:
            found[f"{descriptor.name} -> {descriptor.readlink()}"] += 1
        except FileNotFoundError:
            continue  # closed since the folder was read
    return found


def _memory(process: Path) -> tuple[Counter[str], Counter[str]]:
    files: set[str] = set()
    executable: Counter[str] = Counter()
    for line in (process / "maps").read_text().splitlines():
        # proc_pid_maps(5): address perms offset dev inode pathname
        addresses, permissions, _, _, inode, *rest = line.split(maxsplit=5)
        name = rest[0] if rest else ""
        if inode != "0":
            files.add(name)
        elif "x" in permissions and name not in ("[vdso]", "[vsyscall]"):
            start, end = (int(address, 16) for address in addresses.split("-"))
            executable[f"{permissions} {end - start} bytes {name}".rstrip()] += 1
    return Counter(files), executable
