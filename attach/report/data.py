"""What a snapshot brings, checked: names and numbers only, whatever the target sends.

The target is not trusted: everything here is plain `str`, `bytes` and `int`, bounded in size and number
before it is unpacked. Nothing of it is ever executed, unpickled or given to SQLite other than as a value.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from attach.errors import MeasurementRejected, NothingMeasured
from attach.report import arcs as branches
from attach_agent.wire import arc_ends, pack_lines, unpack_arcs, unpack_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from coverage import CoverageData

    from attach.report.plugin_files import PluginFile
    from attach.report.settings import Settings

#: Line numbers are below this; CPython's own limit for a line table is higher, no real file comes near.
MAX_LINE = 10_000_000
MAX_FILES = 100_000
#: Recorded lines of all files together; a server with the whole standard library has about a million.
MAX_RECORDED = 10_000_000
#: Bytes of a path, as Linux's PATH_MAX.
MAX_PATH = 4096
#: Bytes of a file name: pages of a report are named after it, with a prefix and a suffix, and may have 255.
MAX_NAME = 220
_BATCH = 100_000

T = TypeVar("T")
_MARKUP = str.maketrans({char: f"\\x{ord(char):02x}" for char in '<>"'})


@dataclass(frozen=True)
class Owner:
    """The rights with which a process reads files: its file system user, group and supplementary groups."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True)
class Measured:
    """The lines that ran in one process, as its agent copied them.

    `lines` maps the target's path of a file to its line numbers, one bit each
    (`attach_agent.wire.pack_lines`). `root` is ``/proc/PID/root`` when the target sees other files than we
    do, else ``/``. `left_out` names packages that ran but are not measured, with the number of their files.
    `taken_at` and `started` (when the program started; for a worker, its master) are seconds since the epoch.
    `owner` None: looked up in /proc. `context` labels the lines in the data file and in HTML (coverage's
    static context). With branches, `arcs` maps the same paths to arcs (`attach_agent.wire.pack_arcs`).
    `settings` are those it was measured by, `is_ours` tells whether the process could do itself what they make us do,
    `full` that some files were not recorded, since it runs too many. `plugin_files` are those of `lines` that are not
    Python, with what their plug-in says, `plugin_problems` say of plug-ins why they measure nothing. `others` names
    tools that have traced threads of it meanwhile, which were not measured. Where lines ran under several labels,
    `labels` says which under which: by label a mapping as `lines`, or with branches as `arcs`; then `context` is empty.
    """

    pid: int
    python: tuple[int, int, int]
    lines: Mapping[str, bytes]
    root: str
    cwd: str
    taken_at: float
    left_out: tuple[tuple[str, int], ...] = ()
    owner: Owner | None = None
    started: float | None = None
    context: str = ""
    arcs: Mapping[str, bytes] | None = None
    settings: Settings | None = None
    is_ours: bool = False
    full: bool = False
    plugin_files: Mapping[str, PluginFile] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    plugin_problems: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unreported:
    """A file that ran but that a report does not show, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """A measurement within bounds: absolute paths of the target, and what had to be left aside.

    With branches, `arcs` has the same paths as `lines`.
    """

    lines: dict[str, bytes]
    unreported: tuple[Unreported, ...]
    arcs: dict[str, bytes] | None = None


def printable(text: str) -> str:
    """`text` with escapes for the characters that could steer a terminal or break a report's syntax."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def report_name(path: str) -> str:
    """`path` as a report may show it; before 7.15.4 coverage writes names into HTML as they are."""
    return printable(path).translate(_MARKUP)


def check(measured: Measured) -> Checked:
    """Bring what the target sent within bounds.

    One odd file does not spoil the others: it is left aside with its reason. A file without lines stays: an empty
    module ran, too.

    Raises:
        MeasurementRejected: as a whole it is beyond any real program.
        NothingMeasured: no line ran.
    """
    if len(measured.lines) > MAX_FILES:
        raise MeasurementRejected(measured.pid, f"{len(measured.lines)} files")
    lines: dict[str, bytes] = {}
    arcs: dict[str, bytes] = {}
    unreported: list[Unreported] = []
    recorded = 0
    for path, numbits in measured.lines.items():
        if type(path) is not str or type(numbits) is not bytes:
            raise MeasurementRejected(measured.pid, "a file without a name or lines")
        steps = measured.arcs.get(path, b"") if measured.arcs else b""
        if type(steps) is not bytes:
            raise MeasurementRejected(measured.pid, "a file without arcs")
        count = _count(numbits) or branches.count_of(steps)
        recorded += max(count, branches.count_of(steps))
        if recorded > MAX_RECORDED:
            raise MeasurementRejected(measured.pid, f"more than {MAX_RECORDED} lines")
        if reason := _odd(path, numbits) or _odd_arcs(steps):
            if count:
                unreported.append(Unreported(printable(path[:200]), reason))
        else:
            absolute = absolute_path(measured, path)
            lines[absolute] = either(lines.get(absolute, b""), numbits)
            arcs[absolute] = branches.either(arcs.get(absolute, b""), steps)
    if not recorded:
        left_out = tuple((printable(str(name)[:200]), int(count)) for name, count in measured.left_out)
        raise NothingMeasured(measured.pid, left_out, measured.settings.file if measured.settings else "")
    return Checked(lines, tuple(unreported), None if measured.arcs is None else arcs)


def absolute_path(measured: Measured, path: str) -> str:
    """A path of the target as the reports know it."""
    return posixpath.normpath(posixpath.join(measured.cwd, path)) if path[:1] != "/" else path


def _count(numbits: bytes) -> int:
    """How many lines are recorded, without line 0, which stands for code that has no line."""
    return (int.from_bytes(numbits, "little") & ~1).bit_count()


def _odd(path: str, numbits: bytes) -> str:
    """Why this file cannot be part of a report, or an empty string."""
    if path.startswith("<") and path.endswith(">"):
        frozen = path.startswith("<frozen ")
        return "frozen into the program, without a source" if frozen else "code that was made without a file"
    if not path or "\0" in path:
        return "not a file name"
    try:
        if len(path.encode()) > MAX_PATH or len(report_name(posixpath.basename(path)).encode()) > MAX_NAME:
            return "the name is too long"
    except UnicodeEncodeError:
        return "the name is not UTF-8, which coverage's data files cannot hold"
    if len(numbits.rstrip(b"\0")) > MAX_LINE // 8:
        return f"line numbers of {MAX_LINE} and more"
    return ""


def _odd_arcs(arcs: bytes) -> str:
    """Why these arcs cannot be part of a report, or an empty string."""
    if not branches.sound(arcs):
        return "arcs that cannot be"
    return f"line numbers of {MAX_LINE} and more" if branches.largest_line(arcs) >= MAX_LINE else ""


def lines_of(arcs: bytes) -> bytes:
    """The lines that packed arcs, not checked yet, lead from and to, packed."""
    if not branches.sound(arcs):
        return b""
    return pack_lines({line for line in branches.lines_of(arcs) if line < MAX_LINE})


def either(one: bytes, other: bytes) -> bytes:
    """The lines that are in one of the two packed sets."""
    if not one or not other:
        return one or other
    size = max(len(one), len(other))
    return (int.from_bytes(one, "little") | int.from_bytes(other, "little")).to_bytes(size, "little")


def fill(
    data: CoverageData, lines: Mapping[str, bytes], context: str = "", arcs: Mapping[str, bytes] | None = None
) -> None:
    """Put packed lines, or arcs without trails, into coverage's data; in batches, so that little is in memory."""
    data.set_context(context)
    if arcs is None:
        for batch in _batches(lines, lambda numbits: unpack_lines(numbits) - {0}):
            data.add_lines(batch)
        return
    for steps in _batches(arcs, lambda packed: {arc_ends(number) for number in unpack_arcs(packed)}):
        data.add_arcs(steps)
    data.touch_files(arcs)  # add_arcs leaves out files without any


def _batches(packed: Mapping[str, bytes], unpack: Callable[[bytes], set[T]]) -> Iterator[dict[str, set[T]]]:
    batch: dict[str, set[T]] = {}
    size = 0
    for path in sorted(packed):
        batch[path] = unpack(packed[path])
        size += len(batch[path])
        if size > _BATCH:
            yield batch
            batch, size = {}, 0
    yield batch
