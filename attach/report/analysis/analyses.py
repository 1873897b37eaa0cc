"""The analysis of all sources of a report, by the target's version of Python.

Small reports of our own version are analyzed here, one source when it is asked for. Large ones, and those of another
version, are analyzed by workers beforehand, with all processors; their answers wait in a temporary file, since together
they can be larger than the sources.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, cast

from coverage.config import DEFAULT_EXCLUDE, DEFAULT_PARTIAL, DEFAULT_PARTIAL_ALWAYS

from attach.errors import AnalysisUnavailable, OutputNotWritable
from attach.report.analysis import interpreters, program, releases, workers
from attach.report.analysis.answer import Answer, Unbelievable, checked, checked_tokens
from attach.report.analysis.spool import Spool
from attach.report.data import printable
from attach.report.sources import decoded
from attach.wheels import release
from attach_agent.wire import arc_ends, unpack_arcs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from coverage import Coverage

    from attach.report.analysis.workers import Worker
    from attach.report.data import Measured
    from attach.report.request import Progress

#: Bytes of sources that are analyzed here before a second process would be of use: about 0.3 s.
_FEW = 256 << 10


class Analyses:
    """Answers about the sources `contents`, by name, of which `arcs` ran.

    `wanted` are ARCS, REGIONS and TOKENS of `program`. `note` says what to know if they are not as the
    target's version would give them.
    """

    def __init__(
        self,
        measured: Measured,
        contents: Mapping[str, bytes],
        arcs: Mapping[str, bytes],
        *,
        settings: dict[str, Any],
        wanted: Sequence[str],
        progress: Progress,
    ) -> None:
        self.note = ""
        self._measured = measured
        self._contents = contents
        self._arcs = arcs
        self._settings = settings
        self._wanted = wanted
        self._progress = progress
        self._prepared = False
        self._rules: program.Rules | None = None
        self.spool = Spool()
        self._foreign = not interpreters.same_analysis(measured.python)
        #: The last answer given: coverage.py before 7.17 asks for each file twice.
        self._last: tuple[str, Answer] | None = None

    def prepare(self) -> None:
        """Let workers do the work, if that is of use; once, before coverage.py asks.

        Raises:
            OutputNotWritable: there is no room for their answers.
        """
        if self._prepared:
            return
        self._prepared = True
        if self._foreign:
            try:
                self._ask_foreign()
            except (workers.WorkerFailed, AnalysisUnavailable, Unbelievable) as error:
                self._foreign = False
                self.spool.clear()
                self.note = self._degraded(error.reason if isinstance(error, AnalysisUnavailable) else str(error))
        if not self._foreign and self._large() and workers.can_fork() and workers.processors() > 1:
            work = workers.analyzing(self._own_rules())
            with contextlib.suppress(workers.WorkerFailed):  # what they have not answered is analyzed here
                self._collect(lambda others: workers.forked(work, others), workers.processors())

    def _large(self) -> bool:
        return sum(map(len, self._contents.values())) > _FEW

    def answer(self, name: str) -> Answer:
        """What is known about the source `name`."""
        if self._last is None or self._last[0] != name:
            self._last = name, self._answer(name)
        return self._last[1]

    def _answer(self, name: str) -> Answer:
        try:
            text = decoded(self._contents[name])
        except (SyntaxError, LookupError, ValueError) as error:
            return Answer(error=printable(str(error)))
        if name in self.spool:
            data = self.spool.read(name).partition(b"\n")[0]
        else:
            data = program.dumped(program.analyze(text, self._own_rules(), self._wanted, self._ran(name)))
            with contextlib.suppress(OutputNotWritable):  # then it is analyzed again for the next format
                self.spool.keep(name, data)
        answer = checked(data, _lines(text))
        if answer.error and self.note:
            theirs = ".".join(map(str, self._measured.python[:2]))
            return Answer(error=f"{answer.error} (for this Python: the process runs {theirs})")
        return answer

    def tokens(self, name: str) -> list[list[tuple[str, str]]]:
        """The tokens of each line of the source `name`, for pages with colours."""
        text = decoded(self._contents[name])
        if self._foreign:
            return checked_tokens(self.spool.read(name).partition(b"\n")[2], text)
        return program.tokens(text) or checked_tokens(b"", text)

    def _ran(self, name: str) -> list[tuple[int, int]]:
        return [arc_ends(number) for number in unpack_arcs(self._arcs.get(name, b""))]

    def _degraded(self, reason: str) -> str:
        ours, theirs = sys.version_info[:2], self._measured.python[:2]
        return (
            f"the process runs Python {theirs[0]}.{theirs[1]}, this report is made with {ours[0]}.{ours[1]} "
            f"({printable(reason)}): where the two count statements differently (decorators, statements over several "
            "lines, constant conditions), a line may be shown as missing that cannot run by itself. "
            f"With a python{theirs[0]}.{theirs[1]} on your PATH it is exact"
        )

    def _own_rules(self) -> program.Rules:
        if self._rules is None:
            self._rules = program.Rules(self._settings)
        return self._rules

    def _ask_foreign(self) -> None:
        """Have another interpreter analyze all sources.

        Raises WorkerFailed, AnalysisUnavailable, Unbelievable.
        """
        python = self._measured.python
        if not releases.available(python[:2]):
            self._progress(f"Fetching coverage {release(python[:2])}", 0, 0)
        settings = {**self._settings, "modules": releases.modules(python[:2])}
        interpreter, first = interpreters.find(python, self._measured.pid, settings)
        ready = [first]

        def start(others: Sequence[Worker]) -> Worker:
            return ready.pop() if ready else interpreter.start(settings)

        self._collect(start, workers.processors() if self._large() else 1)

    def _collect(self, start: Callable[[Sequence[Worker]], Worker], count: int) -> None:
        """Have workers answer about all sources, and keep the answers."""
        total = len(self._contents)
        theirs = ".".join(map(str, self._measured.python[:2]))
        phase = f"Analyzing as Python {theirs}" if self._foreign else "Analyzing"
        self._progress(phase, 0, total)
        for done, (name, answer) in enumerate(workers.answers(start, self._questions(), count), 1):
            self.spool.keep(name, answer if isinstance(answer, bytes) else program.dumped({"error": answer}))
            if self._foreign:
                self.answer(name)  # while all can still be done anew
            self._progress(phase, done, total)

    def _questions(self) -> Iterator[tuple[str, bytes]]:
        wanted = self._wanted if self._foreign else [each for each in self._wanted if each != program.TOKENS]
        for name, content in self._contents.items():
            try:
                text = decoded(content)
            except (SyntaxError, LookupError, ValueError):
                continue  # told by `answer`
            yield name, program.framed(program.dumped({"text": text, "wanted": wanted, "ran": self._ran(name)}))


def _lines(text: str) -> int:
    """The last line that can be spoken of: coverage.py takes the end of the text for a line, too."""
    return text.count("\n") + 1


def settings_of(coverage: Coverage) -> dict[str, Any]:
    """What `program.Rules` needs of coverage.py's configuration. None stands for the default of the release that
    analyzes.
    """
    defaults = {"exclude": DEFAULT_EXCLUDE, "partial": DEFAULT_PARTIAL, "partial_always": DEFAULT_PARTIAL_ALWAYS}
    options = {"exclude": "exclude_lines", "partial": "partial_branches", "partial_always": "partial_branches_always"}
    found: dict[str, Any] = {}
    for name, default in defaults.items():
        regexes = cast("list[str]", coverage.get_option(f"report:{options[name]}"))
        as_default = regexes[: len(default)] == default
        found[name] = None if as_default else regexes
        # what is added to the default: `exclude_also`, `partial_also`
        found[f"{name}_also"] = regexes[len(default) :] if as_default else []
    return found
