"""An exception as the target's own version of Python shows it, with the lines of code that is in no file here."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

#: The agent's own frames are no part of anybody's program.
_OWN = "<live-attach>/"


#: What ``collections`` and ``os`` enter into ``sys.modules`` themselves.
_ALIASES = ("collections.abc", "os.path")


class Lines(tuple):  # type: ignore[type-arg]
    """An entry of ``linecache.cache`` (size, mtime, lines, name); without an mtime nobody looks for the file."""

    before: Any = None


def show_lines(linecache: Any, filename: str, text: str) -> Callable[[], None]:
    """Have `linecache` know the lines of `filename`; returns what takes them away again.

    A file of that name that it knows already is known again afterwards, however many runs have hidden it.
    """
    cache = linecache.cache
    entry = Lines((len(text), None, text.splitlines(True), filename))
    before = cache.get(filename)
    entry.before = before.before if type(before) is Lines else before
    cache[filename] = entry

    def forget() -> None:
        if cache.get(filename) is entry:
            if entry.before is None:
                del cache[filename]
            else:
                cache[filename] = entry.before

    return forget


def formatted(error: BaseException, traceback: Any) -> bytes:
    """What ``traceback.print_exception`` of the target would print, without the agent's frames."""
    try:
        seen: set[int] = set()
        link: BaseException | None = error
        while link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = _foreign(link.__traceback__)
            link = link.__cause__ or link.__context__
        text = "".join(traceback.TracebackException(type(error), error, error.__traceback__).format())
    except BaseException as problem:  # code of the program is asked for the text: anything can happen
        text = "%s, which cannot be shown: %s\n" % (type(error).__name__, type(problem).__name__)
    return text.encode("utf-8", "backslashreplace")


def _foreign(entry: TracebackType | None) -> TracebackType | None:
    """The entries that are not the agent's: it is below the code that it runs, and above where that code prints."""
    kept = []
    while entry is not None:
        if not entry.tb_frame.f_code.co_filename.startswith(_OWN):
            kept.append(entry)
        entry = entry.tb_next
    for this, following in zip(kept, kept[1:] + [None]):
        this.tb_next = following
    return kept[0] if kept else None


class PrivateImporter:
    """Modules of the standard library, as the program has them, or else for us alone and not in ``sys.modules``.

    `get` is how the agent gets modules written in C.
    """

    def __init__(self, get: Callable[[str], Any]) -> None:
        self._get = get
        self._modules: dict[str, Any] = {}
        builtins = sys.modules["builtins"]
        self._builtins = dict(builtins.__dict__, __import__=self._import)

    def module(self, name: str) -> Any:
        """ImportError if there is none."""
        for modules in (sys.modules, self._modules):
            module = modules.get(name)
            if module is not None:
                return module
        return self._load(name)

    def _load(self, name: str) -> Any:
        parent, _, child = name.rpartition(".")
        path = self.module(parent).__path__ if parent else None
        finders = sys.modules["_frozen_importlib"], sys.modules["_frozen_importlib_external"]
        spec = finders[0].FrozenImporter.find_spec(name) or finders[1].PathFinder.find_spec(name, path)
        code = spec.loader.get_code(name) if spec is not None and hasattr(spec.loader, "get_code") else None
        if code is None:  # built in, or an extension
            return self._get(name)
        module: Any = type(sys)(name)
        module.__dict__.update(
            __builtins__=self._builtins, __spec__=spec, __loader__=spec.loader, __package__=spec.parent
        )
        if spec.submodule_search_locations is not None:
            module.__path__ = spec.submodule_search_locations
        self._modules[name] = module
        absent = [alias for alias in _ALIASES if alias not in sys.modules]
        try:
            exec(code, module.__dict__)
        except BaseException:
            del self._modules[name]
            raise
        finally:
            for alias in absent:
                sys.modules.pop(alias, None)
        if parent:
            setattr(self.module(parent), child, module)
        return module

    def _import(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if level:
            package = globals["__package__"].split(".")
            package = package[: len(package) - level + 1]
            name = ".".join(package + ([name] if name else []))
        first, _, _ = name.partition(".")
        found = None
        for end in [at for at, letter in enumerate(name + ".") if letter == "."]:
            found = self.module(name[:end])
        if not fromlist:
            return found if level else self.module(first)
        for attribute in fromlist:
            if attribute != "*" and not hasattr(found, attribute):
                self.module("%s.%s" % (name, attribute))
        return found
