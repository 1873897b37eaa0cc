"""What coverage.py says about one source: a program for any Python from 3.8 on.

Which lines are statements, and which branches there are, depends on the Python that looks: its grammar, its compiler,
coverage.py's own knowledge of it. So this file runs in the operator's process if that is the target's version, and else
in a worker: another interpreter, to which this source text and coverage.py's are sent (`attach.report.workers`).
Here are only the standard library and coverage.py, in Python 3.8's syntax; sources are parsed and compiled, never run.

Messages are a length in four bytes, big-endian, and JSON. The worker gets the settings once and answers who it is; then
it gets one source after the other, each with what is wanted of it, and answers with what `analyze` returns, and in a
second line, if they are wanted, the `tokens`.
"""

from __future__ import annotations

import importlib.machinery
import json
import platform
import struct
import sys
import tokenize
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, BinaryIO

    Arc = tuple[int, int]

#: What else can be wanted than the lines: branches, functions and classes, tokens of each line.
ARCS, REGIONS, TOKENS = "arcs", "regions", "tokens"


class Rules:
    """Which lines a report leaves out: coverage.py's regular expressions."""

    def __init__(self, settings: dict[str, Any]) -> None:
        from coverage.config import DEFAULT_EXCLUDE, DEFAULT_PARTIAL, DEFAULT_PARTIAL_ALWAYS

        own = (("exclude", DEFAULT_EXCLUDE), ("partial", DEFAULT_PARTIAL), ("partial_always", DEFAULT_PARTIAL_ALWAYS))
        found = {
            name: [*(default if settings[name] is None else settings[name]), *settings[name + "_also"]]
            for name, default in own
        }
        self.exclude = _any_of(found["exclude"])
        self.partial = _any_of(found["partial"] + found["partial_always"])


def _any_of(regexes: list[str]) -> str:
    return "|".join(f"(?:{regex})" for regex in regexes)


def analyze(text: str, rules: Rules, wanted: Iterable[str], ran: Iterable[Arc] = ()) -> dict[str, Any]:
    """What a report needs to know about the source `text`, as plain values; or why it cannot be known, as "error".

    `ran` are the arcs that were recorded.
    """
    from coverage.exceptions import NotPython

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _analyze(text, rules, wanted, ran)
    except NotPython as error:
        # the sentence begins with the name of the file, which is not known here
        return {"error": str(error).partition(" as Python source: ")[2] or str(error)}
    except Exception as error:  # too deep, too large, or a mistake of coverage.py's: the other files go on
        return {"error": str(error) or type(error).__name__}


def _analyze(text: str, rules: Rules, wanted: Iterable[str], ran: Iterable[Arc]) -> dict[str, Any]:
    from coverage.parser import PythonParser

    parser = PythonParser(text=text, filename="<source>", exclude=rules.exclude)
    parser.parse_source()
    multiline = getattr(parser, "multiline_map", None) or getattr(parser, "_multiline", {})  # before 7.15
    found = {
        "statements": sorted(parser.statements),
        "excluded": sorted(parser.excluded),
        "multiline": _runs(multiline),
    }
    if ARCS in wanted:
        found.update(_branches(parser, rules, ran))
    if REGIONS in wanted:
        found["regions"] = _regions(text)
    return found


def _runs(multiline: dict[int, int]) -> list[tuple[int, int, int]]:
    """(first, last, line) for lines in a row that all stand for `line`."""
    runs: list[tuple[int, int, int]] = []
    for line in sorted(multiline):
        if runs and runs[-1][1] == line - 1 and runs[-1][2] == multiline[line]:
            runs[-1] = (runs[-1][0], line, runs[-1][2])
        else:
            runs.append((line, line, multiline[line]))
    return runs


def _branches(parser: Any, rules: Rules, ran: Iterable[Arc]) -> dict[str, Any]:
    """The arcs that can be and those that were, and in words those of lines that have several."""
    # what calls that were never made do not show; coverage.py 7.6.1 counts them, and then leaves them out
    arcs = sorted((start, end) for start, end in parser.arcs() if start > 0 and start != end)
    exits = {line: count for line, count in parser.exit_counts().items() if count}
    branches = [(start, end) for start, end in arcs if exits.get(start, 0) > 1]
    describe = getattr(parser, "arc_description", lambda start, end: "")
    return {
        "arcs": arcs,
        "exits": sorted(exits.items()),
        "no_branch": sorted(parser.lines_matching(rules.partial)),
        "executed": sorted(_executed(parser, ran)),
        "described": [
            (start, end, describe(start, end), *_missing_descriptions(parser, start, end)) for start, end in branches
        ],
    }


def _executed(parser: Any, ran: Iterable[Arc]) -> set[Arc]:
    """The arcs that ran between the first lines of statements, as this coverage.py makes them of those recorded."""
    from coverage import results

    if "arcs_executed_set" not in results.Analysis.__dataclass_fields__:  # before 7.10
        return set(parser.translate_arcs(ran))
    analysis = results.analysis_from_file_reporter(_Recorded(ran), 0, _Reporter(parser), "")  # type: ignore[arg-type]
    return analysis.arcs_executed_set


class _Recorded:
    """coverage.py's data, of one file."""

    def __init__(self, ran: Iterable[Arc]) -> None:
        self._ran = [(start, end) for start, end in ran]

    def has_arcs(self) -> bool:
        return True

    def lines(self, filename: str) -> list[int]:
        return []

    def arcs(self, filename: str) -> list[Arc]:
        return self._ran


class _Reporter:
    """What coverage.py's analysis asks of a file, but for what is found out without it."""

    def __init__(self, parser: Any) -> None:
        self.translate_lines = parser.translate_lines
        self.translate_arcs = parser.translate_arcs
        self.arcs = parser.arcs

    def lines(self) -> set[int]:
        return set()

    excluded_lines = no_branch_lines = lines

    def exit_counts(self) -> dict[int, int]:
        return {}


def _missing_descriptions(parser: Any, start: int, end: int) -> tuple[str, str]:
    """Why an arc is missing, and why if also the opposite arc is (coverage.py 7.6.1, of functions in one line)."""
    plain = parser.missing_arc_description(start, end)
    if end == -start and parser.missing_arc_description.__code__.co_argcount > 3:
        return plain, parser.missing_arc_description(start, end, {(0, 0)})
    return plain, plain


def _regions(text: str) -> list[tuple[str, str, int, list[tuple[int, int]]]]:
    """(kind, name, line, ranges of lines) of functions and classes; none if they are nested deeper than can be
    walked (``elif`` counts).
    """
    try:
        from coverage.regions import code_regions

        regions = code_regions(text)
    except (ImportError, RecursionError):
        return []
    return [(region.kind, region.name, region.start, _ranges(sorted(region.lines))) for region in regions]


def _ranges(lines: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for line in lines:
        if ranges and ranges[-1][1] == line - 1:
            ranges[-1] = (ranges[-1][0], line)
        else:
            ranges.append((line, line))
    return ranges


def tokens(text: str) -> list[list[tuple[str, str]]]:
    """(class, text) of each token of each line; nothing where the tokenizer cannot follow the parser."""
    from coverage.phystokens import source_token_lines

    try:
        return [list(line) for line in source_token_lines(text)]
    except (SyntaxError, tokenize.TokenError):
        return []


# ---- a worker's end of the channel ----


def read_message(read: Callable[[int], bytes]) -> Any:
    """The next message; None at the end."""
    header = read(4)
    if len(header) < 4:
        return None
    return json.loads(read(struct.unpack(">I", header)[0]).decode())


def dumped(value: Any) -> bytes:
    """`value` in one line of ASCII: lone surrogates, which sources can have, become escapes."""
    return json.dumps(value, separators=(",", ":")).encode()


def framed(data: bytes) -> bytes:
    """`data` as it goes over the channel."""
    return struct.pack(">I", len(data)) + data


def serve(incoming: BinaryIO, outgoing: BinaryIO, rules: Rules) -> None:
    """Answer until there are no more questions."""
    while True:
        question = read_message(incoming.read)
        if question is None:
            return
        text, wanted = question["text"], question["wanted"]
        answer = [dumped(analyze(text, rules, wanted, question["ran"]))]
        if TOKENS in wanted:
            answer.append(dumped(tokens(text)))
        outgoing.write(framed(b"\n".join(answer)))
        outgoing.flush()


class _Sources:
    """Imports the modules of a package from their sources, but not the package's own ``__init__``.

    That of coverage.py would import all of it, SQLite included.
    """

    def __init__(self, package: str, sources: dict[str, str]) -> None:
        self._package = package
        self._sources = sources

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """As `importlib.abc.MetaPathFinder` has it."""
        loader: Any = self
        if name == self._package:
            return importlib.machinery.ModuleSpec(name, loader, is_package=True)
        package, _, module = name.partition(".")
        if package != self._package or module not in self._sources:
            return None
        return importlib.machinery.ModuleSpec(name, loader)

    def create_module(self, spec: object) -> None:
        """The usual kind of module."""

    def exec_module(self, module: Any) -> None:
        """Run the module's source."""
        name = module.__name__.partition(".")[2]
        if name:
            exec(compile(self._sources[name], f"<coverage {name}>", "exec", dont_inherit=True), module.__dict__)


def main() -> None:
    """A worker's life: settings, who am I, questions."""
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    settings = read_message(incoming.read)
    outgoing.write(framed(dumped([platform.python_implementation(), *sys.version_info[:3]])))
    outgoing.flush()
    sys.meta_path.insert(0, _Sources("coverage", settings["modules"]))
    serve(incoming, outgoing, Rules(settings))


if __name__ == "__main__":
    main()
