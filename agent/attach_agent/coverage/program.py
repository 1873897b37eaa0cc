"""What program this process runs: a server that is an installed package is measured itself, unlike its libraries.

Only names, ``__dict__`` entries of known types and the command line are looked at: no code of the target runs.
"""

from __future__ import annotations

import posix
import sys

from .scope import is_installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator

#: Packages that run other people's programs: not themselves what somebody wants to measure, but the application
#: that their command line or environment names.
RUNNERS = frozenset(
    ["IPython", "celery", "coverage", "daphne", "ddtrace", "debugpy", "django", "dramatiq", "fastapi_cli", "flask"]
    + ["granian", "gunicorn", "honcho", "huey", "hypercorn", "newrelic", "opentelemetry", "pytest", "rq", "twisted"]
    + ["uvicorn", "uwsgi", "waitress", "watchfiles", "werkzeug"]
)
#: Where they take its name from, besides the command line.
_VARIABLES = (b"FLASK_APP", b"DJANGO_SETTINGS_MODULE", b"CELERY_APP")

#: A script that an installer has made is smaller than this, in bytes.
_LARGEST_SCRIPT = 8192
_MOST_MODULES = 20_000
#: Arguments that are looked at.
_MOST_ARGUMENTS = 1000


def installed_program() -> tuple[tuple[str, str], ...]:
    """The installed packages that are this program: pairs of name and path, a folder with a final slash or a file.

    Empty for a program that is a script, or a package in a folder of its own: these are measured anyway.
    """
    found = []
    for name in _entry_points():
        top = name.partition(".")[0]
        names = _applications() if top in RUNNERS else (name,)
        for program in names:
            place = _place(program)
            if place is not None and place not in found:
                found.append(place)
        break
    return tuple(found)


def not_loaded(packages: Iterable[str], folders: Iterable[str]) -> tuple[str, ...]:
    """Those of these names and folders that no module belongs to which is loaded at this moment."""
    modules = list(sys.modules.items())
    missing = [
        package
        for package in packages
        if not any(type(name) is str and (name == package or name.startswith(package + ".")) for name, _ in modules)
    ]
    files = [path for _, module in modules for path in _files(module)]
    for folder in folders:
        inside = folder.rstrip("/") + "/"
        if not any(path.startswith(inside) for path in files):
            missing.append(folder)
    return tuple(missing)


def places(packages: Iterable[str]) -> tuple[str, ...]:
    """Where these packages and modules are, if they are loaded: folders, or files."""
    found = []
    for name in packages:
        for path in _files(sys.modules.get(name)):
            found.append(path.rpartition("/")[0] if path.endswith("/__init__.py") else path)
    return tuple(found)


def modules() -> tuple[str, ...]:
    """The names of what is loaded, `_MOST_MODULES` at most."""
    return tuple(name for name in list(sys.modules) if type(name) is str and len(name) < 1000)[:_MOST_MODULES]


def folders() -> tuple[str, ...]:
    """Where coverage.py's configuration may lie: the program's own folder, and that above its package."""
    places = []
    main = _namespace("__main__")
    path = dict.get(main, "__file__")
    if type(path) is str and path[:1] == "/" and not _is_installers(path):
        places.append(path.rpartition("/")[0])
    for name in _entry_points():
        names = _applications() if name.partition(".")[0] in RUNNERS else (name,)
        places += [folder for program in names for folder in _above(program)]
    return tuple(dict.fromkeys(place for place in places if place and not is_installed(place + "/")))


def _above(name: str) -> Iterator[str]:
    """The folder that a package or module was imported from."""
    top = name.partition(".")[0]
    path = next(iter(_files(sys.modules.get(top))), "")
    folder = path.rpartition("/")[0]
    yield folder.rpartition("/")[0] if path.endswith("/__init__.py") else folder


def _entry_points() -> Iterator[str]:
    """The module that ``python -m`` was given, or that an installer's script calls."""
    main = _namespace("__main__")
    spec = dict.get(main, "__spec__")
    if type(spec) is type(sys.__spec__):  # importlib's ModuleSpec: its attributes run no foreign code
        name = spec.name
        if type(name) is str and name != "__main__":
            yield name[: -len(".__main__")] if name.endswith(".__main__") else name
            return
    path = dict.get(main, "__file__")
    if type(path) is str and _is_installers(path):
        for line in _lines(path):
            words = line.split()
            if len(words) > 3 and words[0] == "from" and words[2] == "import" and words[1] in sys.modules:
                yield words[1]
                return


def _is_installers(path: str) -> bool:
    """Is this a script that pip or another installer has put among the commands?"""
    folder, _, name = path.rpartition("/")
    return folder.rpartition("/")[2] in ("bin", "sbin") and not name.endswith(".py")


def _lines(path: str) -> list[str]:
    try:
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)
    except (OSError, ValueError):
        return []
    try:
        content = posix.read(descriptor, _LARGEST_SCRIPT)
    except OSError:
        return []
    finally:
        posix.close(descriptor)
    return content.decode("utf-8", "replace").splitlines() if content[:2] == b"#!" else []


def _applications() -> tuple[str, ...]:
    """The modules that a runner was told to run: loaded ones that its environment or its command line names."""
    environment = [posix.environ.get(name, b"").decode("utf-8", "replace") for name in _VARIABLES]
    arguments = [item for item in getattr(sys, "argv", ())[1:_MOST_ARGUMENTS] if type(item) is str]
    named = [item.partition("=")[2] if item[:1] == "-" else item for item in arguments]
    told = [name for name in map(_module, (*named, *environment)) if name]
    certain = [name for name in map(_module, (item for item in named if ":" in item)) if name]
    if certain:
        return tuple(dict.fromkeys(certain))
    # the value of an option may be a module too, such as gunicorn's  -k gevent;  -A and --app name the application
    free = [
        name
        for before, item in zip(("", *arguments), named)
        if before[:1] != "-" or before in ("-A", "--app")
        for name in (_module(item),)
        if name
    ]
    return tuple(dict.fromkeys(free or told[-1:]))


def _module(argument: str) -> str:
    """The loaded module that is meant by ``shop.wsgi``, ``shop.wsgi:app`` or ``shop:create_app()``; or nothing."""
    name = argument.partition(":")[0].strip()
    return name if name in sys.modules and name.partition(".")[0] not in RUNNERS else ""


def _place(name: str) -> tuple[str, str] | None:
    """The outermost package of `name` that has a file, and where it is, if that is among the installed packages."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):  # a namespace package has no file
        package = ".".join(parts[:count])
        for path in _files(sys.modules.get(package)):
            place = path[: -len("__init__.py")] if path.endswith("/__init__.py") else path
            return (package, place) if is_installed(path) else None
    return None


def _files(module: Any) -> list[str]:
    path = dict.get(_dictionary(module), "__file__")
    return [path] if type(path) is str and path[:1] == "/" else []


def _namespace(name: str) -> dict[str, Any]:
    return _dictionary(sys.modules.get(name))


def _dictionary(module: Any) -> dict[str, Any]:
    """A module's namespace, without asking the module: programs put objects of all kinds into ``sys.modules``."""
    if not issubclass(type(module), type(sys)):
        return {}
    attributes: Any = type(sys).__dict__
    namespace: dict[str, Any] = attributes["__dict__"].__get__(module)
    return namespace
