"""coverage.py's HTML report, its pages rendered side by side by forks of this process.

Rendering is most of the work: each page is one file's and needs nothing of the others but their names. So coverage.py's
own reporter runs, and its steps for one page and its rows in the indexes are done by workers, on its own objects, which
a fork has. That reaches below coverage.py's public interface: for releases not tried, and for few pages, it is used as
its interface says, one page after the other.
"""

from __future__ import annotations

import os
import pickle
import select
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import coverage
from coverage.control import override_config
from coverage.html import FileInfo, FileToReport, HtmlReporter, IndexItem, IndexPage

from attach.report import analysis
from attach.report.marks import mark_page
from attach.report.workers import Worker, WorkerFailed, can_fork, forked, processors

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from coverage import Coverage

    from attach.report.request import Progress

PHASE = "Rendering HTML"
#: The releases whose reporter has these steps.
_TRIED = ((7, 10), (7, 18))
#: Characters of sources for which another process is of use: about 0.2 s.
_FEW = 128 << 10
#: What a page costs beside its source, as so many characters.
_PAGE = 1000
#: Seconds for the end of an answer that has begun.
_PATIENCE = 3600.0

_Rendered = tuple[FileInfo, IndexItem, dict[str, IndexPage]]


def write_pages(
    report: Coverage,
    names: list[str],
    folder: str,
    contexts: bool | None,
    *,
    progress: Progress,
    changed: Collection[str],
) -> float:
    """As `Coverage.html_report(names, folder, ignore_errors=True, show_contexts=contexts)`, with `progress`.

    Pages of `changed` sources say so.
    """
    if contexts or report.get_option("html:show_contexts"):
        # by this coverage would take the page of a file with the same lines for unchanged, though their labels are not
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, "status.json"))
    if not _TRIED[0] <= coverage.version_info[:2] < _TRIED[1]:
        return report.html_report(names, folder, ignore_errors=True, show_contexts=contexts)
    # as `html_report` does
    with override_config(report, ignore_errors=True, html_dir=folder, show_contexts=contexts):
        return Pages(report, progress, changed).report(names)


class Pages(HtmlReporter):
    """The reporter, with its pages in a queue until all are known."""

    def __init__(self, report: Coverage, progress: Progress, changed: Collection[str]) -> None:
        super().__init__(report)
        self._changed = set(changed)
        self._progress = progress
        self._queue: list[FileToReport] = []
        self._only_rows = False
        #: What a page adds to the indexes of functions and classes.
        self._rows: list[dict[str, IndexPage]] = []
        data_for_file = self.datagen.data_for_file

        def with_one_sentence(fr: Any, analysis: Any) -> Any:
            data = data_for_file(fr, analysis)
            for line in data.lines:
                if len(line.long_annotations) > 1:  # coverage.py before 7.7 counts ways out of ``finally``
                    listed = ", ".join(f"{number}) {text}" for number, text in enumerate(line.long_annotations, 1))
                    line.long_annotations = [f"{len(line.long_annotations)} missed branches: {listed}"]
            return data

        self.datagen.data_for_file = with_one_sentence  # type: ignore[method-assign]

    def write_html_page(self, ftr: FileToReport) -> None:
        """Instead: remember it."""
        self._queue.append(ftr)

    def write_file_index_page(self, first_html: str, final_html: str) -> None:
        """All pages are known now: render them, then the index."""
        total = len(self._queue)
        self._progress(PHASE, 0, total)
        size = sum(len(ftr.fr.source()) for ftr in self._queue)
        if size > _FEW and can_fork() and processors() > 1:
            self._render_side_by_side()
        else:
            for done, ftr in enumerate(self._queue, 1):
                self._rows.append(self._render(ftr))
                self._progress(PHASE, done, total)
        for ftr in self._queue:
            if ftr.fr.relative_filename() in self._changed:
                del self.incr.files[ftr.rootname]  # its page is made anew the next time, perhaps without the mark
        super().write_file_index_page(first_html, final_html)

    def write_region_index_pages(self, files_to_report: Iterable[FileToReport]) -> None:
        """Put together what each page adds, and write the indexes."""
        for rows in self._rows:
            for noun, page in rows.items():
                whole = self.index_pages[noun]
                whole.summaries += page.summaries
                whole.totals += page.totals
                whole.skipped_covered_count += page.skipped_covered_count
                whole.skipped_empty_count += page.skipped_empty_count
        for noun, page in self.index_pages.items():
            if noun != "file":
                self.write_index_page(page)

    def write_index_page(self, index_page: IndexPage, **kwargs: str) -> str:
        """Write an index, unless only its rows are wanted."""
        return "" if self._only_rows else super().write_index_page(index_page, **kwargs)

    def _render(self, ftr: FileToReport) -> dict[str, IndexPage]:
        """Write one page, and return its rows in the indexes of functions and classes."""
        HtmlReporter.write_html_page(self, ftr)
        if ftr.fr.relative_filename() in self._changed:
            mark_page(os.path.join(self.directory, ftr.html_filename))
        indexes = self.index_pages
        self.index_pages = {noun: self.new_index_page(noun, nouns) for noun, nouns in ftr.fr.code_region_kinds()}
        self._only_rows = True
        try:
            HtmlReporter.write_region_index_pages(self, [ftr])
            return self.index_pages
        finally:
            self.index_pages = indexes
            self._only_rows = False

    def _render_side_by_side(self) -> None:
        """Deal the pages out, and put together what the workers tell of them."""
        hands = self._dealt(processors())
        done: dict[int, _Rendered] = {}
        workers: list[Worker] = []
        try:
            for hand in hands:
                workers.append(forked(partial(self._work, hand), workers))
            for number, rendered in _told(workers):
                done[number] = rendered
                self._progress(PHASE, len(done), len(self._queue))
        finally:
            for worker in workers:
                worker.close()
        for number, ftr in enumerate(self._queue):
            if number in done:
                info, summary, rows = done[number]
                self.incr.files[ftr.rootname] = info
                self.index_pages["file"].summaries.append(summary)
                self._rows.append(rows)
            else:  # its worker was killed
                self._rows.append(self._render(ftr))

    def _dealt(self, count: int) -> list[list[int]]:
        """The numbers of the pages for each of `count` workers, by size, the largest first."""
        sizes = [len(ftr.fr.source()) + _PAGE for ftr in self._queue]
        hands: list[list[int]] = [[] for _ in range(count)]
        weights = [0] * count
        for number in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
            lightest = weights.index(min(weights))
            hands[lightest].append(number)
            weights[lightest] += sizes[number]
        return hands

    def _work(self, hand: Sequence[int], connection: socket.socket) -> None:
        """In a worker: render some pages, and tell of each."""
        self.data._pid = os.getpid()  # or coverage.py's data takes a fork for a new program, and begins empty
        for number in hand:
            ftr = self._queue[number]
            try:
                rows = self._render(ftr)
                summary = self.index_pages["file"].summaries.pop()
                told: object = (number, (self.incr.files[ftr.rootname], summary, rows))
            except Exception as error:
                told = (number, error)
            connection.sendall(analysis.framed(pickle.dumps(told)))


def _told(workers: list[Worker]) -> Iterator[tuple[int, _Rendered]]:
    """The pages that workers, forks of ours, have rendered; what one could not do is raised here."""
    open_workers = {worker.connection.fileno(): worker for worker in workers}
    poll = select.poll()
    for descriptor in open_workers:
        poll.register(descriptor, select.POLLIN)
    while open_workers:
        for descriptor, _ in poll.poll():
            try:
                number, told = pickle.loads(open_workers[descriptor].receive(_PATIENCE))
            except WorkerFailed:  # it has ended
                poll.unregister(descriptor)
                del open_workers[descriptor]
                continue
            if isinstance(told, Exception):
                raise told
            yield number, told
