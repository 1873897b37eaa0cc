"""A data file of coverage.py, written by the C module ``_sqlite3`` alone, which lets go of the GIL in each statement.

The schema is coverage's documented one, number 7 ("Database schema" in its documentation): `coverage combine` and
`coverage report` take it.
"""

from __future__ import annotations

import posix

from ...errors import AgentError
from ...wire import __version__, trail_lines, unpack_arcs
from .periods import View, union

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .periods import History

    Execute = Callable[..., Any]

#: Rows of one statement. A thread that gives the GIL away gets it back after 5 ms where the program computes: with a
#: statement for each row that would take minutes. SQLite before 3.32 allows 999 variables; arcs are written out.
ROWS = 300
ARCS = 2000

_REGULAR, _KIND = 0o100000, 0o170000  # S_IFREG and S_IFMT, inode(7)

_SCHEMA = (
    "create table coverage_schema (version integer)",
    "create table meta (key text, value text, unique (key))",
    "create table file (id integer primary key, path text, unique (path))",
    "create table context (id integer primary key, context text, unique (context))",
    "create table line_bits (file_id integer, context_id integer, numbits blob,"
    " foreign key (file_id) references file (id), foreign key (context_id) references context (id),"
    " unique (file_id, context_id))",
    "create table arc (file_id integer, context_id integer, fromno integer, tono integer,"
    " foreign key (file_id) references file (id), foreign key (context_id) references context (id),"
    " unique (file_id, context_id, fromno, tono))",
    "create table tracer (file_id integer primary key, tracer text, foreign key (file_id) references file (id))",
    "insert into coverage_schema values (7)",
)


class DataFile:
    """The file at `path`; without one, in the working directory and named as coverage's parallel mode does it.

    Raises AgentError ``saving-unavailable`` if the process has no SQLite.
    """

    def __init__(self, path: str) -> None:
        try:
            import _sqlite3
        except Exception as error:  # a library that is missing, for instance
            raise AgentError("saving-unavailable", "its module _sqlite3 cannot be loaded: %s" % error) from None
        self._sqlite: Any = _sqlite3
        self.path = path or _usual_path()

    def try_out(self) -> None:
        """Do all but put a file in its place. Raises OSError or an error of SQLite."""
        self._write(lambda execute: None, posix.unlink)

    def write(self, history: History) -> None:
        """Replace the file by one with all that `history` holds. If that fails, it is as before."""
        self._write(lambda execute: _fill(execute, history), lambda temporary: posix.rename(temporary, self.path))

    def _write(self, fill: Callable[[Execute], None], finish: Callable[[str], None]) -> None:
        _refuse_special(self.path)
        # a name that `coverage combine` does not take for a data file
        temporary = "%s/.live-attach-%s" % (self.path.rpartition("/")[0], posix.urandom(8).hex())
        flags = posix.O_RDWR | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC
        descriptor = posix.open(temporary, flags, 0o666)
        try:
            self._write_database(temporary, fill)
            posix.fsync(descriptor)
            finish(temporary)
        except BaseException:
            posix.unlink(temporary)
            raise
        finally:
            posix.close(descriptor)

    def _write_database(self, path: str, fill: Callable[[Execute], None]) -> None:
        connection = self._sqlite.connect(path, isolation_level=None, check_same_thread=False, cached_statements=5)
        try:
            # the file is nobody else's, and there is nothing to go back to
            for setting in ("journal_mode = off", "synchronous = off", "locking_mode = exclusive"):
                connection.execute("pragma " + setting)
            connection.execute("begin")
            for statement in _SCHEMA:
                connection.execute(statement)
            fill(connection.execute)
            connection.execute("commit")
        finally:
            connection.close()


def reason(error: BaseException) -> str:
    """What an operator should hear of an error."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _fill(execute: Execute, history: History) -> None:
    branch = history.recording.branch
    files: list[tuple[int, str]] = []
    contexts: dict[str, int] = {}
    lines: list[tuple[int, int, bytearray]] = []
    for number, (path, by_context) in enumerate(_files(history), 1):
        files.append((number, path))
        for context, packed in by_context.items():
            identity = contexts.setdefault(context, len(contexts) + 1)
            if branch:
                _insert_arcs(execute, number, identity, packed)
            else:
                numbits = bytearray(packed)  # for bytes sqlite3 would ask the program's own adapters
                numbits[0] &= 0xFE  # line 0 stands for code that has no line
                lines.append((number, identity, numbits))
    _insert(execute, "meta", [("version", "live-attach " + __version__), ("has_arcs", "1" if branch else "0")])
    _insert(execute, "context", [(identity, context) for context, identity in contexts.items()])
    _insert(execute, "file", files)
    _insert(execute, "line_bits", lines)
    plugins = history.recording.plugin_files
    _insert(execute, "tracer", [(number, plugins[path]) for number, path in files if path in plugins])


def _files(history: History) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each file and what ran of it, by context."""
    branch = history.recording.branch
    breathe = history.breath()
    view = View(history, 0, live=True)
    for path in list(history.recording.files):
        by_context: dict[str, list[bytes]] = {}
        for context, packed in view.parts(path):
            by_context.setdefault(context, []).append(packed)
        found = {context: union(parts, branch) for context, parts in by_context.items()}
        if found and _is_utf8(path):
            yield path, found
        breathe()


def _insert(execute: Execute, table: str, rows: list[tuple[Any, ...]]) -> None:
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        row = "(%s)" % ",".join("?" * len(some[0]))
        values = [value for one in some for value in one]
        execute("insert into %s values %s" % (table, ",".join([row] * len(some))), values)


def _insert_arcs(execute: Execute, file: int, context: int, packed: bytes) -> None:
    arcs = list({_arc_of(trail_lines(number)) for number in unpack_arcs(packed)})
    for start in range(0, len(arcs), ARCS):
        rows = ["(%d,%d,%d,%d)" % (file, context, *ends) for ends in arcs[start : start + ARCS] if ends[1]]
        if rows:
            execute("insert into arc values " + ",".join(rows))


def _arc_of(lines: list[int]) -> tuple[int, int]:
    """The arc that a trail stands for, as well as can be told without the source: to the first line that is another.

    Where that line belongs to the same statement as the branch, coverage.py takes the arc for none.
    """
    start = lines[0]
    return start, next((line for line in lines[1:] if line not in (0, start)), lines[1])


def _usual_path() -> str:
    suffix = "%s.pid%d.%s" % (posix.uname().nodename.replace("/", "-"), posix.getpid(), posix.urandom(4).hex())
    return "%s/.coverage.%s" % (posix.getcwd().rstrip("/"), suffix)


def _refuse_special(path: str) -> None:
    """To rename a file to the place of a device, a link or a folder would do more than was asked for."""
    try:
        mode = posix.lstat(path).st_mode
    except FileNotFoundError:
        return
    if mode & _KIND != _REGULAR:
        raise OSError(0, "there is something that is no regular file", path)


def _is_utf8(path: str) -> bool:
    """SQLite's texts are."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
