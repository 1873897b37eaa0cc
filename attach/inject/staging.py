"""The one file that PEP 768 and pyrasite need: a script in the target's file system, for some milliseconds.

Written below /proc/PID/root without following any of the target's symbolic links, which would lead into our
own root: openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_SYMLINKS (Linux 5.6). It lies in a directory of its
own with a random name and mode 0700 that belongs to the target's effective user.
"""

import contextlib
import ctypes
import errno
import os
import struct
import time

from attach.process import Process

_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS, _RESOLVE_IN_ROOT = 0x02, 0x04, 0x10
_DIRECTORIES = ("tmp", "var/tmp", "dev/shm")
_SCRIPT, _ERROR, _RUNS = "run.py", "error", "runs"
_MAX_ERROR = 4096
_NOWHERE = "no writable directory in its file system"

#: Leaves no name anywhere, whatever namespace it is run in. Never raises: an exception would be the target's to show.
_TEMPLATE = """\
import posix, time
def _leave(path, flags, text):
    fd = posix.open(path, posix.O_WRONLY | posix.O_CREAT | flags, 0o600)
    posix.write(fd, text)
    posix.close(fd)
try:
    if time.time() < {deadline!r}:
        exec(compile({source!r}, "<live-attach>", "exec"), {{"__builtins__": __builtins__}})
except BaseException as error:
    try:
        text = repr(error)
    except BaseException:
        text = type(error).__name__
    _leave({error_path!r}, posix.O_EXCL, text.encode("utf-8", "backslashreplace")[:4096])
finally:
    _leave({runs_path!r}, posix.O_APPEND, b".")
"""

_libc = ctypes.CDLL(None, use_errno=True)


class NoPlace(Exception):
    """No directory in which the target's user may have a file, or no openat2(2)."""


def _openat2(directory: int, name: str, flags: int) -> int:
    how = struct.pack("<QQQ", flags, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS)
    result: int = _libc.syscall(
        ctypes.c_long(_SYS_OPENAT2), directory, name.encode(), ctypes.c_char_p(how), ctypes.c_size_t(len(how))
    )
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


def has_openat2() -> bool:
    """Whether this kernel has openat2(2): asked with arguments that it must refuse."""
    return not (_libc.syscall(_SYS_OPENAT2, -1, None, None, 0) < 0 and ctypes.get_errno() == errno.ENOSYS)


def place_for_script(process: Process) -> str:
    """The directory in which a script would be staged, as the target names it. Nothing is written.

    Raises `NoPlace`.
    """
    ours = (os.geteuid(), os.getegid())
    if ours[0] != 0 and (process.euid, process.egid) != ours:
        raise NoPlace("cannot write a script for it: only root can hand it over")
    try:
        root = os.open(process.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NoPlace(f"its file system cannot be reached: {error.strerror}") from None
    try:
        for parent in _DIRECTORIES:
            try:
                directory = _openat2(root, parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                if os.access(".", os.W_OK | os.X_OK, dir_fd=directory, effective_ids=True):
                    return f"/{parent}"
            finally:
                os.close(directory)
    finally:
        os.close(root)
    raise NoPlace(_NOWHERE)


class StagedScript:
    """A script that the target can read at `path`, which is a path in its own root; removed by `remove`.

    Raises `NoPlace`.
    """

    def __init__(self, process: Process) -> None:
        self._owner = (process.euid, process.egid)
        self._name = f".live-attach-{os.urandom(8).hex()}"
        root = os.open(process.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._parent = self._directory = -1
        try:
            for parent in _DIRECTORIES:
                try:
                    self._make(root, parent)
                except OSError:
                    self.remove()
                    continue
                self._parent_name = parent
                return
        finally:
            os.close(root)
        raise NoPlace(_NOWHERE)

    def _make(self, root: int, parent: str) -> None:
        self._parent = _openat2(root, parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.mkdir(self._name, 0o700, dir_fd=self._parent)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        self._directory = os.open(self._name, flags, dir_fd=self._parent)
        # It will be given to the target's user: a hostile target could have put another one of ours in its place.
        if os.fstat(self._directory).st_uid != os.geteuid() or os.listdir(self._directory):
            raise PermissionError("the directory is not the one that was made")

    @property
    def path(self) -> str:
        """Where the script is, for the target."""
        return f"/{self._parent_name}/{self._name}/{_SCRIPT}"

    @property
    def error_path(self) -> str:
        """Where the script may leave the text of an exception."""
        return f"/{self._parent_name}/{self._name}/{_ERROR}"

    @property
    def runs_path(self) -> str:
        """Where the script adds one byte when a run of it has ended."""
        return f"/{self._parent_name}/{self._name}/{_RUNS}"

    def runs(self) -> int:
        """How many runs have ended."""
        try:
            return os.stat(_RUNS, dir_fd=self._directory, follow_symlinks=False).st_size
        except OSError:
            return 0

    def write(self, source: str, seconds: float) -> None:
        """Writes a script that runs `source` within the next `seconds`, and hands all over to the target's user.

        Raises `NoPlace`.
        """
        inner = _TEMPLATE.format(
            deadline=time.time() + seconds, source=source, error_path=self.error_path, runs_path=self.runs_path
        )
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            script = os.open(_SCRIPT, flags, 0o600, dir_fd=self._directory)
            with open(script, "wb") as file:
                file.write(f"exec({inner!a}, {{}})\n".encode())
                file.flush()
                if self._owner != (os.geteuid(), os.getegid()):
                    os.fchown(script, *self._owner)
            if self._owner != (os.geteuid(), os.getegid()):
                os.fchown(self._directory, *self._owner)
        except OSError as error:
            raise NoPlace(f"cannot write a script for it: {error.strerror}") from None

    def error(self) -> str:
        """What the script left at `error_path`, empty if nothing. The content is the target's: only text."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(_ERROR, flags, dir_fd=self._directory)
        except OSError:
            return ""
        with open(descriptor, "rb") as file:
            try:
                return file.read(_MAX_ERROR).decode("utf-8", "replace")
            except OSError:
                return ""

    def remove(self) -> None:
        """Removes the script and its directory. Never raises: what the target put there stays."""
        for name in (_SCRIPT, _ERROR, _RUNS):
            if self._directory >= 0:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=self._directory)
        if self._parent >= 0:
            with contextlib.suppress(OSError):
                os.rmdir(self._name, dir_fd=self._parent)
        for descriptor in (self._directory, self._parent):
            if descriptor >= 0:
                os.close(descriptor)
        self._directory = self._parent = -1
