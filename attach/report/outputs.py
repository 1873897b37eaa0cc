"""Where reports go: written beside their place first and moved there when they are whole.

An interrupted or failed run leaves what was there before. That a place can be written to is found out before
anything is rendered, by beginning to write there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING

from attach.errors import OutputNotWritable
from attach.report.request import STDOUT

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TextIO

    from attach.report.request import Format

_STAGING = ".attach-report-"
#: Somebody else's file in a sticky folder, a mount point: can be written, not replaced.
_NOT_REPLACEABLE = (errno.EPERM, errno.EACCES, errno.EBUSY, errno.EXDEV)
#: A descriptor that is free in most programs.
_HANDLE = 200


class Output:
    """A place for a report. As a context manager it prepares the place, and cleans up what was not placed."""

    def __init__(self, path: str) -> None:
        self.path = path
        #: Where to write to until `place` is called.
        self.staged = ""
        self._staging = ""
        self._handle: int | None = None
        self._made: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._prepare()
        except BaseException as error:
            self._clean_up()
            if isinstance(error, OSError):
                raise self.failed(error) from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clean_up()

    def failed(self, error: OSError) -> OutputNotWritable:
        """The error that tells about this place."""
        return OutputNotWritable(self.path, error.strerror or str(error))

    def place(self) -> None:
        """Move what was staged to its place.

        Raises:
            OutputNotWritable: it cannot be written there any more.
        """
        try:
            self._place()
        except OSError as error:
            raise self.failed(error) from error

    def _prepare(self) -> None:
        raise NotImplementedError

    def _place(self) -> None:
        raise NotImplementedError

    def _make_folder(self, path: str) -> None:
        """As makedirs, remembering what was made."""
        missing: list[str] = []
        while path and not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for folder in reversed(missing):
            os.mkdir(folder)
            self._made.append(folder)

    def _clean_up(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        if self._staging:
            shutil.rmtree(self._staging, ignore_errors=True)
            self._staging = ""
        for folder in reversed(self._made):
            try:
                os.rmdir(folder)
            except OSError:
                break  # the report is in it
        self._made = []


class FileOutput(Output):
    """A report that is one file."""

    def _prepare(self) -> None:
        path = os.path.abspath(self.path)
        folder = os.path.dirname(path)
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            self._make_folder(folder)
            self._replace = True
        else:
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if stat.S_ISREG(mode) and not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            # a link, a pipe or a device is written through, by the kernel's rules for it
            self._replace = stat.S_ISREG(mode) and os.access(folder, os.W_OK)
        self._staging = tempfile.mkdtemp(prefix=_STAGING, dir=folder if self._replace else None)
        self.staged = os.path.join(self._staging, os.path.basename(path))

    def _place(self) -> None:
        if self._replace:
            try:
                os.replace(self.staged, self.path)
            except OSError as error:
                if error.errno not in _NOT_REPLACEABLE:
                    raise
            else:
                return
        with open(self.staged, "rb") as whole, open(self.path, "wb") as place:
            shutil.copyfileobj(whole, place)


class StreamOutput(Output):
    """A report that goes to a stream that is open already, when it is whole.

    `in_memory` needs no disk on the way. It is not for files that coverage opens: when it fails, it removes them.
    """

    def __init__(self, stream: TextIO, *, in_memory: bool) -> None:
        super().__init__(STDOUT)
        self._stream = stream
        self._in_memory = in_memory

    def failed(self, error: OSError) -> OutputNotWritable:
        """The stream was not touched yet: it is the folder of temporary files that cannot be written to."""
        return OutputNotWritable(tempfile.gettempdir(), error.strerror or str(error))

    def place(self) -> None:
        """Copy the report to the stream; an error is the stream's own, such as BrokenPipeError."""
        with open(self.staged, encoding="utf-8") as whole:
            shutil.copyfileobj(whole, self._stream)

    def _prepare(self) -> None:
        if self._in_memory:
            self._handle = os.memfd_create("attach-report")
            self.staged = f"/proc/self/fd/{self._handle}"
        else:
            self._staging = tempfile.mkdtemp(prefix=_STAGING)
            self.staged = os.path.join(self._staging, "report")


class FolderOutput(Output):
    """A report that is many files in a folder; other files in it stay, as coverage leaves them.

    `entry` is the page that leads to the others and `state` describes them all for the next run: these come
    last, so that an interruption between them never shows an old overview of new pages as whole.
    """

    def __init__(self, path: str, entry: str = "", state: str = "") -> None:
        super().__init__(path)
        self._entry = entry
        self._state = state

    def _prepare(self) -> None:
        path = os.path.abspath(self.path)
        self._make_folder(path)
        self._was_empty = not os.listdir(path)
        self._staging = tempfile.mkdtemp(prefix=_STAGING, dir=path)
        self.staged = os.path.join(self._staging, "report")
        os.mkdir(self.staged)
        if self._state and os.path.isfile(os.path.join(path, self._state)):
            # coverage renders only what changed since, the other pages are in place already
            shutil.copyfile(os.path.join(path, self._state), os.path.join(self.staged, self._state))
        self._give_constant_name()

    def _give_constant_name(self) -> None:
        """Reach the staged folder by a name that is the same each time, as far as possible.

        coverage takes its pages for outdated when a setting changed, and the folder is one (html.py,
        check_global_data).
        """
        folder = os.open(self.staged, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._handle = fcntl.fcntl(folder, fcntl.F_DUPFD_CLOEXEC, _HANDLE)
        except OSError:
            return  # RLIMIT_NOFILE is that low: every page is rendered again
        finally:
            os.close(folder)
        self.staged = f"/proc/self/fd/{self._handle}"

    def _place(self) -> None:
        last = (self._entry, self._state)
        names = sorted(os.listdir(self.staged), key=lambda name: last.index(name) if name in last else -1)
        if self._state in names and os.path.exists(os.path.join(self.path, self._state)):
            os.unlink(os.path.join(self.path, self._state))
        for name in names:
            if name != ".gitignore" or self._was_empty:
                os.replace(os.path.join(self.staged, name), os.path.join(self.path, name))


def output_for(format: Format, path: str, out: TextIO) -> Output:
    """The place `path` of a report; ``-`` is `out`."""
    if path == STDOUT:
        return StreamOutput(out, in_memory=format == "text")
    if format == "html":
        return FolderOutput(path, "index.html", "status.json")
    return FolderOutput(path) if format == "annotate" else FileOutput(path)
