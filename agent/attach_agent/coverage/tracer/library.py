"""coverage.py's C tracer, found in the process or loaded from bytes: CPython 3.8 - 3.11.

Only the extension is loaded, not the package. It comes through a memfd, so neither a file nor a directory
that allows execution is needed, and ``sys.modules`` does not know it. What does stay, until the process ends,
is the mapping of the library (about 100 kB, ``/memfd:live-attach-tracer`` in /proc/PID/maps) and its two
types: CPython never unloads an extension. A later attach finds the types again, so it happens once.
"""

from __future__ import annotations

import _imp
import gc
import posix
import sys

from ...errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    #: CTracer and CFileDisposition of one library.
    Types = tuple[type[Any], type[Any]]

#: The attributes of a CTracer, coverage.py 7.4 and later. One that we do not know would stay NULL and crash.
TRACER_ATTRIBUTES = frozenset(
    [
        "check_include",
        "concur_id_func",
        "data",
        "disable_plugin",
        "file_tracers",
        "lock_data",
        "should_start_context",
    ]
    + ["should_trace", "should_trace_cache", "switch_context", "trace_arcs", "unlock_data", "warn"]
)
DISPOSITION_ATTRIBUTES = frozenset(
    [
        "canonical_filename",
        "file_tracer",
        "has_dynamic_filename",
        "original_filename",
        "reason",
        "source_filename",
    ]
    + ["trace"]
)

#: The first release of coverage.py whose tracer has these attributes.
_OLDEST_RELEASE = (7, 4)

_LARGEST = 4 << 20  # bytes: far more than any tracer has

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: not made by C


def find() -> Types | None:
    """The types of a tracer that this process has loaded: by an earlier attach, or with coverage.py itself."""
    # each library readies its two types one after the other, so the lists run in parallel
    for tracer, disposition in zip(_static_types("CTracer"), _static_types("CFileDispositionType")):
        if _members(tracer) == TRACER_ATTRIBUTES and _members(disposition) == DISPOSITION_ATTRIBUTES:
            return tracer, disposition
    return None


def load_installed() -> Types | None:
    """The types of the coverage.py that is installed for this process, loaded; None if there is none to be used.

    Nobody gains by it: the file is the process's own, read with its own rights, and becomes code here alone. It could
    be imported at any moment; but it was not, so a file that somebody else could have written is left alone.
    """
    suffix = _imp.extension_suffixes()[0]  # ".cpython-39-x86_64-linux-gnu.so": of this very version
    for folder in sys.path:
        if type(folder) is str and folder[:1] == "/" and _release_in(folder) >= _OLDEST_RELEASE:
            content = _trusted_content("%s/coverage/tracer%s" % (folder, suffix))
            if content:
                try:
                    return load(content)
                except AgentError:
                    continue
    return None


def _release_in(folder: str) -> tuple[int, int]:
    """The coverage.py that is installed in the folder: (7, 6) of ``coverage-7.6.1.dist-info``; (0, 0) if none is."""
    try:
        names = posix.listdir(folder)
    except OSError:
        return 0, 0
    for name in names:
        if name.startswith("coverage-") and name.endswith(("dist-info", "egg-info")):
            major, _, rest = name[len("coverage-") :].partition(".")
            minor = rest.partition(".")[0]
            if major.isdigit() and minor.isdigit():
                return int(major), int(minor)
    return 0, 0


def _trusted_content(path: str) -> bytes:
    """The file, empty if there is none or if another user than root and this one could have written it."""
    try:
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)
    except OSError:
        return b""
    try:
        status = posix.fstat(descriptor)
        regular = status.st_mode & 0o170000 == 0o100000  # inode(7)
        if not regular or status.st_mode & 0o022 or status.st_uid not in (0, posix.geteuid()):
            return b""
        if status.st_size > _LARGEST:
            return b""
        parts = []
        while True:
            parts.append(posix.read(descriptor, 1 << 16))
            if not parts[-1]:
                return b"".join(parts)
    except OSError:
        return b""
    finally:
        posix.close(descriptor)


def load(content: bytes) -> Types:
    """Load the extension, ``tracer.*.so`` of a coverage.py for this very version of Python.

    Raises AgentError ``tracer-unusable`` with the dynamic linker's words if that cannot be.
    """
    descriptor = posix.memfd_create("live-attach-tracer")
    try:
        view = memoryview(content)
        while view:
            view = view[posix.write(descriptor, view) :]
        # the "." keeps the linker from taking it for another library that was loaded from the same descriptor
        # number
        _execute("/proc/self/./fd/%d" % descriptor)
    except (ImportError, OSError) as error:
        raise AgentError("tracer-unusable", "the tracer cannot be loaded: %s" % error) from None
    finally:
        posix.close(descriptor)
    types = find()
    if types is None:
        raise AgentError("tracer-unusable", "the tracer is not one of coverage.py 7.4 or later")
    return types


def _execute(path: str) -> None:
    """What importing an extension does, without the import system (PEP 489, Python/importdl.c)."""

    class Spec:
        name = "live_attach.tracer"  # the last part names its PyInit function
        origin = path

    # os.fork takes this lock too: a child that was forked in the middle of a dlopen could never load anything
    _imp.acquire_lock()
    try:
        _imp.exec_dynamic(_imp.create_dynamic(Spec))  # type: ignore[arg-type]
    finally:
        _imp.release_lock()
        sys.modules.pop(Spec.name, None)  # an extension of the old kind (PEP 3121) enters itself


def fork_callbacks(tracer: type[Any]) -> list[Any]:
    """A list of functions that every forked child of this process calls: add to it, and take away again.

    ``os.register_at_fork`` has no way back. So one function is registered once per process, which does nothing while
    the list is empty; it is found again with the type that stays in the process as well.
    """
    attributes = gc.get_referents(tracer.__dict__)[0]
    callbacks: list[Any] | None = attributes.get("_live_attach_fork_callbacks")
    if callbacks is None:
        callbacks = attributes["_live_attach_fork_callbacks"] = []
        namespace: dict[str, Any] = {"callbacks": callbacks}  # of its own: the function must not keep the agent alive
        exec("def call_all():\n    for callback in callbacks:\n        callback()\n", namespace)
        posix.register_at_fork(after_in_child=namespace["call_all"])
    return callbacks


def _static_types(name: str) -> list[type[Any]]:
    """The types of this name that extensions of coverage.py have made, oldest first."""
    return [
        candidate
        for candidate in type.__subclasses__(object)
        if type(candidate) is type
        and candidate.__name__ == name
        and not candidate.__flags__ & _HEAP_TYPE
        and candidate.__module__ == "coverage"
    ]


def _members(candidate: type[Any]) -> set[str]:
    member = type(type(_members).__dict__["__globals__"])  # types.MemberDescriptorType
    return {name for name, value in candidate.__dict__.items() if type(value) is member}
