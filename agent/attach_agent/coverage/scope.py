"""Which files are measured: coverage.py's rules, decided inside the target.

The rules are those of coverage/inorout.py, ``InOrOut.check_include_omit_etc``. A decision is made in whatever
thread of the target first runs code of a file. So it takes no lock, imports nothing, runs no code of the
target, looks at the disk only to place a relative name, and raises nothing.
"""

from __future__ import annotations

import posix
import sys

from ..paths import resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

#: Folders that pip and the distributions install packages into.
_INSTALLED = ("/site-packages/", "/dist-packages/")

STANDARD_LIBRARY = "the standard library"


class Scope:
    """The operator's choice of files, as in coverage's ``[run]`` section.

    `source_dirs` are absolute folders, `source_pkgs` names of modules, `include` and `omit` regular
    expressions that are matched from the start of the absolute path (coverage's globs, compiled by the
    operator), `pylib` is coverage's ``-L``, `program` are the places of `program.installed_program`, which count if
    neither sources nor `include` are given. Raises ValueError for a bad expression.
    """

    def __init__(
        self,
        source_dirs: Iterable[str] = (),
        source_pkgs: Iterable[str] = (),
        include: Iterable[str] = (),
        omit: Iterable[str] = (),
        pylib: bool = False,
        *,
        program: Iterable[str] = (),
    ) -> None:
        self._folders = _with_resolved(source_dirs)
        self._packages = tuple(source_pkgs)
        self._include = _compile(include)
        self._omit = _compile(omit)
        self._pylib = pylib
        self._program = tuple(program)
        self._library = _library_folders()
        self._own = _own_folder()
        self._bases = _bases_of_relative_names()

    def admits(self, filename: str, module_globals: dict[str, Any]) -> str | None:
        """The absolute path that code with this ``co_filename`` is measured under, or None if it is not.

        `module_globals` is the namespace that the code runs in: source packages are told by its ``__name__``.
        """
        if not filename or filename[0] == "<" or filename.startswith("memory:"):
            return None
        if filename[0] != "/":
            path = self._absolute(filename)
        elif "/." in filename or "//" in filename:
            path = _join("", filename)
        else:
            path = filename
        if not self._inside(path, module_globals) or _matches(self._omit, path):
            return None
        return path

    def _inside(self, path: str, module_globals: dict[str, Any]) -> bool:
        if path.startswith(self._own):
            return False
        if self._folders or self._packages:
            return self._in_source(path, module_globals)
        if self._include:
            return _matches(self._include, path)
        if is_installed(path):
            return path.startswith(self._program)
        return self._pylib or not path.startswith(self._library)

    def _in_source(self, path: str, module_globals: dict[str, Any]) -> bool:
        if self._packages:
            module = _module_name(path, module_globals)
            for package in self._packages:
                if module == package or module.startswith(package + "."):
                    return True
        for folder in self._folders:
            # a virtual environment inside the project is not the project, unless it was named
            if path.startswith(folder) and (is_installed(folder) or not is_installed(path)):
                return True
        return False

    def _absolute(self, filename: str) -> str:
        """A relative ``co_filename`` is as old as the process: it may have changed its directory since."""
        candidates = [_join(base, filename) for base in self._bases]
        script_folder = sys.path[0] if sys.path else ""
        if isinstance(script_folder, str) and script_folder[:1] == "/":
            candidates.append(_join(script_folder, filename))
            candidates.append(_join(script_folder, filename.rpartition("/")[2]))
        for candidate in candidates:
            try:
                posix.stat(candidate)
            except (OSError, ValueError):
                continue
            return candidate
        return candidates[0] if candidates else "/" + filename

    def group_of(self, path: str) -> str:
        """What a file that was left out belongs to: an installed package, a folder, the standard library."""
        for marker in _INSTALLED:
            _, found, inside = path.rpartition(marker)
            if found:
                top, slash, _ = inside.partition("/")
                return top if slash or not top.endswith(".py") else top[:-3]
        if path.startswith(self._library):
            return STANDARD_LIBRARY
        return path.rpartition("/")[0] or "/"


def is_installed(path: str) -> bool:
    """Does the path lead through a folder of installed packages?"""
    return _INSTALLED[0] in path or _INSTALLED[1] in path


def _module_name(path: str, module_globals: dict[str, Any]) -> str:
    """The module's name, also of one started by ``-m`` (coverage/inorout.py, name_for_module)."""
    # dict.get: a namespace may be a dict of the target's own class
    name = dict.get(module_globals, "__name__")
    if type(name) is str and name != "__main__":
        return name
    spec = dict.get(module_globals, "__spec__")
    if type(spec) is type(sys.__spec__):  # importlib's ModuleSpec: its attributes run no foreign code
        name = spec.name
        if type(name) is str and name != "__main__":
            return name
    return path.rpartition("/")[2].partition(".")[0]


def _compile(expressions: Iterable[str]) -> list[Any]:
    expressions = tuple(expressions)
    if not expressions:
        return []
    import re  # only on demand: a target that has not loaded it should not have to

    try:
        return [re.compile(expression) for expression in expressions]
    except re.error as error:
        raise ValueError(str(error)) from None


def _matches(patterns: list[Any], path: str) -> bool:
    return any(pattern.match(path) is not None for pattern in patterns)


def _with_resolved(folders: Iterable[str]) -> tuple[str, ...]:
    """Each folder as it was named and with its symbolic links resolved, with a final slash."""
    names = []
    for folder in folders:
        names.append(folder.rstrip("/") + "/")
        names.append(resolved(folder).rstrip("/") + "/")
    return tuple(dict.fromkeys(names))


def _library_folders() -> tuple[str, ...]:
    """The folders of the standard library; its C extensions (lib-dynload) lie inside."""
    version = "python%d.%d" % sys.version_info[:2]
    folders = []
    library = getattr(sys.modules.get("os"), "__file__", None)
    if type(library) is str:
        folders.append(library.rpartition("/")[0])
        # a virtual environment may link its os.py to the real one (virtualenv < 20)
        folders.append(resolved(library).rpartition("/")[0])
    for prefix in (sys.base_prefix, sys.base_exec_prefix, sys.prefix):
        for folder in ("lib", getattr(sys, "platlibdir", "lib")):
            folders.append("%s/%s/%s" % (prefix.rstrip("/"), folder, version))
        folders.append("%s/lib/python%d%d.zip" % (prefix.rstrip("/"), *sys.version_info[:2]))
    return _with_resolved(folder for folder in folders if folder[:1] == "/")


def _own_folder() -> str:
    """The folder of the agent's code: ``<live-attach>/`` where it was loaded from memory."""
    return _own_folder.__code__.co_filename[: -len("coverage/scope.py")]


def _bases_of_relative_names() -> tuple[str, ...]:
    bases = []
    try:
        bases.append(posix.getcwd())
    except OSError:  # the directory was deleted
        pass
    first = posix.environ.get(b"PWD", b"").decode(sys.getfilesystemencoding(), "surrogateescape")
    if first[:1] == "/":
        bases.append(first)
    return tuple(dict.fromkeys(bases))


def _join(base: str, filename: str) -> str:
    """The normalised path of `filename` below `base`."""
    parts: list[str] = []
    for part in (base + "/" + filename).split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
