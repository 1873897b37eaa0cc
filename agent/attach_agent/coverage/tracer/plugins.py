"""coverage.py's file tracer plug-ins, such as the one for Django's templates, in the process whose files they know.

A plug-in imports the ``coverage`` package, here, in the target: nothing else of live-attach does, and nothing takes
modules out of a process again. So it happens only if the project's configuration names one. Of its three kinds only
file tracers have an effect: what they answer is used as coverage/inorout.py and coverage/ctracer/tracer.c use it.
"""

from __future__ import annotations

import _thread
import sys

from ...aftermath import forget_thread
from ...wire import pack_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Any

    Pairs = tuple[tuple[str, Any], ...]
    #: A plug-in's module, and its options.
    Wanted = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

#: What is taken of one file for a report: characters of its text, its lines.
LARGEST_SOURCE = 4 << 20
MOST_LINES = 100_000

#: A file that is none: a signal handler has raised while a plug-in looked for its name.
INTERRUPTED = "<interrupted>"

_CONFIGURES = "it configures coverage.py, which has no effect here"
_NEEDS_TRACER = "its files can be measured with the core ctracer only"
_SWITCHES = "it names contexts, which has no effect here"
_DOES_NOTHING = "it brings nothing that measures files"


class Plugins:
    """The plug-ins that `wanted` names, imported. `told` says of each what became of it, empty if it measures files."""

    def __init__(self, wanted: Wanted) -> None:
        self.file_tracers: list[Plugin] = []
        self.told: list[tuple[str, str]] = []
        had_threading = "threading" in sys.modules
        try:
            self._import(wanted)
        finally:
            forget_thread(_thread.get_ident(), had_threading)

    def _import(self, wanted: Wanted) -> None:
        for name, options in wanted:
            registry = _Registry(name)
            try:
                __import__(name)
                sys.modules[name].coverage_init(registry, dict(options))
            except ModuleNotFoundError as error:
                missing = "the process cannot import it" if error.name == name else _said(error)
                self.told.append((name, missing))
            except (Exception, SystemExit) as error:  # whatever somebody else's code raises
                self.told.append((name, _said(error)))
            else:
                self.file_tracers += registry.file_tracers
                self.told.append((name, "" if registry.file_tracers else registry.others or _DOES_NOTHING))

    def state(self) -> tuple[tuple[str, str], ...]:
        """`told`, and what has gone wrong since."""
        problems = {plugin.module: plugin.problem for plugin in self.file_tracers if plugin.problem}
        return tuple((name, problems.get(name, problem)) for name, problem in self.told)

    def need_tracer(self) -> None:
        """They are of no use: what runs is not measured by the C tracer, which is what asks them."""
        for plugin in self.file_tracers:
            plugin.problem = _NEEDS_TRACER

    def tracer_of(self, filename: str) -> Any:
        """The file tracer of the first plug-in that claims this file, None if none does."""
        for plugin in self.file_tracers:
            found = plugin.file_tracer(filename)
            if found is not None:
                return found
        return None

    def report(self, plugin_name: str, path: str, recorded: set[int]) -> Pairs:
        """What the plug-in that measured a file says about it: see `_described`; a ``problem`` if it fails."""
        for plugin in self.file_tracers:
            if plugin.name == plugin_name:
                try:
                    return _described(plugin.original.file_reporter(path), recorded)
                except Exception as error:
                    return (("problem", _said(error)),)
                finally:
                    forget_thread(_thread.get_ident(), True)
        return (("problem", "its plug-in is not there any more"),)


class Plugin:
    """One plug-in that has registered as a file tracer, as coverage/plugin_support.py names it."""

    def __init__(self, module: str, original: Any) -> None:
        self.module = module
        self.name = "%s.%s" % (module, type(original).__name__)
        self.original = original
        self.problem = ""

    def file_tracer(self, filename: str) -> FileTracer | None:
        if self.problem:
            return None
        try:
            found = self.original.file_tracer(filename)
            return None if found is None else FileTracer(self, found)
        except RecursionError:  # the stack ends here: who asks finds out and asks again
            raise
        except Exception as error:
            self.fail(error)
            return None

    def fail(self, error: Exception) -> None:
        """It goes on no more, as coverage does it: its files stay as they are."""
        self.problem = "it has failed: %s" % _said(error)


class FileTracer:
    """What the C tracer calls for the frames of a file that a plug-in has claimed.

    The tracer swallows what comes out of these calls, prints it, and at a SystemExit that a signal handler has raised
    ends the process (PyErr_Print). So nothing comes out: `interrupted` is told what is meant for the code below, and
    a file name is `INTERRUPTED` then.
    """

    def __init__(self, plugin: Plugin, original: Any) -> None:
        self._plugin = plugin
        self._original = original
        self._coverage_plugin = self
        self._coverage_plugin_name = self.plugin_name = plugin.name
        self.interrupted: Callable[[FrameType, BaseException], None] = _ignore
        self.is_dynamic = bool(original.has_dynamic_source_filename())
        self.source_name = "" if self.is_dynamic else str(original.source_filename())

    def dynamic_source_filename(self, filename: str, frame: FrameType) -> str | None:
        if self._plugin.problem:
            return None
        try:
            found = self._original.dynamic_source_filename(filename, frame)
            return found if type(found) is str and found else None
        except Exception as error:
            self._plugin.fail(error)
        except BaseException as error:
            self.interrupted(frame, error)
            return INTERRUPTED
        return None

    def line_number_range(self, frame: FrameType) -> tuple[int, int]:
        if self._plugin.problem:
            return -1, -1
        try:
            first, last = self._original.line_number_range(frame)
            if type(first) is int and type(last) is int and last - first < MOST_LINES:
                return first, last
        except Exception as error:
            self._plugin.fail(error)
        except BaseException as error:
            self.interrupted(frame, error)
        return -1, -1


class _Registry:
    """What a plug-in's ``coverage_init`` registers with (coverage/plugin_support.py, Plugins)."""

    def __init__(self, module: str) -> None:
        self._module = module
        self.file_tracers: list[Plugin] = []
        self.others = ""

    def add_file_tracer(self, plugin: Any) -> None:
        self.file_tracers.append(Plugin(self._module, plugin))

    def add_configurer(self, _plugin: Any) -> None:
        self.others = self.others or _CONFIGURES

    def add_dynamic_context(self, _plugin: Any) -> None:
        self.others = self.others or _SWITCHES

    def add_noop(self, _plugin: Any) -> None:
        return


def _described(reporter: Any, recorded: set[int]) -> Pairs:
    """A FileReporter's answers (coverage/plugin.py) as plain values; those that the base class gives are left out."""
    source = reporter.source()
    if type(source) is not str or len(source) > LARGEST_SOURCE:
        return (("problem", "its source is too large, or no text"),)
    pairs: list[tuple[str, Any]] = [
        ("source", source),
        ("lines", pack_lines(_sound(reporter.lines()))),
        ("excluded", pack_lines(_sound(reporter.excluded_lines()))),
    ]
    if _is_own(reporter, "translate_lines"):
        translated = ((line, tuple(_sound(reporter.translate_lines([line])))) for line in sorted(_sound(recorded)))
        pairs.append(("translated", tuple(translated)))
    if _is_own(reporter, "arcs"):
        pairs.append(("arcs", tuple((int(first), int(last)) for first, last in reporter.arcs())[:MOST_LINES]))
        pairs.append(("no_branch", pack_lines(_sound(reporter.no_branch_lines()))))
        counts = reporter.exit_counts().items()
        pairs.append(("exits", tuple((int(line), int(count)) for line, count in counts)[:MOST_LINES]))
    if _is_own(reporter, "source_token_lines"):
        tokens = (tuple((str(kind), str(text)) for kind, text in line) for line in reporter.source_token_lines())
        pairs.append(("tokens", tuple(tokens)))
    return tuple(pairs)


def _is_own(reporter: Any, name: str) -> bool:
    """Has the plug-in a method of its own for this?"""
    return bool(getattr(type(reporter), name).__module__ != "coverage.plugin")


def _sound(lines: Iterable[int]) -> set[int]:
    return {line for line in lines if type(line) is int and 0 < line <= MOST_LINES}


def _said(error: BaseException) -> str:
    return "%s: %s" % (type(error).__name__, str(error)[:500])


def _ignore(_frame: FrameType, _error: BaseException) -> None:
    return
