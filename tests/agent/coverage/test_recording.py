"""What was recorded, and how it is handed out."""

import time

from attach_agent.coverage.record import recording
from attach_agent.coverage.record.periods import PAGE_BYTES, PAGE_FILES, History, View
from attach_agent.coverage.record.recording import MAX_LINE, Recording
from attach_agent.coverage.scope import Scope
from attach_agent.wire import arc_ends, unpack_arcs, unpack_lines


def make(files: int, lines: set[int]) -> Recording:
    made = Recording(Scope())
    for number in range(files):
        found = made.lines_of(f"/srv/{number}.py", {})
        assert found is not None
        found |= lines
    return made


def view_of(made: Recording) -> View:
    return History(made, time.sleep).view("", "", False)


def all_pages(made: Recording) -> tuple[list[int], dict[str, set[int]]]:
    """The sizes of the pages, in files, and all that is on them."""
    view = view_of(made)
    sizes, files, cursor = [], {}, 0
    while cursor >= 0:
        cursor, page = view.page(cursor)
        sizes.append(len(page))
        files.update({name: unpack_lines(numbits) for name, _, numbits in page})
    return sizes, files


def test_pages() -> None:
    """A snapshot comes in pages of bounded size that hold each file once."""
    sizes, files = all_pages(make(PAGE_FILES * 2 + 5, {1, 7}))
    assert sizes == [PAGE_FILES, PAGE_FILES, 5]
    assert len(files) == PAGE_FILES * 2 + 5 and all(found == {1, 7} for found in files.values())
    sizes, _ = all_pages(make(10, {PAGE_BYTES * 8 // 3}))
    assert sizes == [3, 3, 3, 1]


def test_files_without_lines() -> None:
    """A file of which nothing ran yet is not in a snapshot; one that is discovered during the walk is."""
    made = make(1, {3})
    made.lines_of("/srv/empty.py", {})
    assert all_pages(made)[1] == {"/srv/0.py": {3}}
    made = make(PAGE_FILES, {3})
    view = view_of(made)
    cursor, _ = view.page(0)
    late = made.lines_of("/srv/late.py", {})
    assert late is not None
    late.add(5)
    assert [name for name, _, _ in view.page(cursor)[1]] == ["/srv/late.py"]
    assert view_of(make(0, set())).page(0) == (-1, ())
    assert view.page(10**6) == (-1, ())


def test_a_cut_during_a_snapshot() -> None:
    """What another operator's cut moves away while a snapshot is read is in it all the same."""
    made = make(PAGE_FILES + 5, {3})
    history = History(made, time.sleep)
    view = history.view("", "", False)
    cursor, first = view.page(0)
    history.cut()
    _, rest = view.page(cursor)
    assert {name for name, _, _ in (*first, *rest)} == set(made.files)


def test_impossible_lines() -> None:
    """Line numbers that no file has neither fail a snapshot nor make it large."""
    made = make(1, {-5, 4, MAX_LINE + 1, 2**31 - 1})
    assert all_pages(made)[1] == {"/srv/0.py": {4}}


def test_names_of_one_file() -> None:
    """Names that lead to one file share its lines."""
    made = make(0, set())
    first, second = made.lines_of("/srv/a.py", {}), made.lines_of("/srv/x/../a.py", {})
    assert first is not None and first is second


def test_invented_names() -> None:
    """A program that makes up file names without end does not fill its memory with ours."""
    made = make(0, set())
    for number in range(1000):
        assert made.lines_of(f"<made {number}>", {}) is None
    assert not made.by_code_name
    limit, recording.MAX_FILENAMES = recording.MAX_FILENAMES, 10
    try:
        for number in range(20):
            made.lines_of(f"/srv/{number}.py", {})
        assert len(made.by_code_name) == 10 and made.is_full()
    finally:
        recording.MAX_FILENAMES = limit


def test_left_out() -> None:
    """The packages that ran but are not measured are named, those with most files first."""
    made = make(3, {1})
    for name in ("flask/app.py", "flask/views.py", "six.py"):
        assert made.lines_of(f"/venv/lib/site-packages/{name}", {}) is None
    assert made.left_out(10) == (("flask", 2), ("six", 1))
    assert made.left_out(1) == (("flask", 2),)
    assert made.totals() == (3, 3)


def test_arcs_of_older_tracers() -> None:
    """Arcs that an older tracer has packed with fewer bits come out as all others do."""
    for narrow in (False, True):
        made = Recording(Scope(), branch=True)
        made.narrow_arcs = narrow
        found = made.lines_of("/srv/a.py", {})
        assert found is not None
        arcs = {(-1, 1), (1, 70_000), (70_000, -1), (5, 5)}
        found.update(made.arc(*ends) for ends in arcs)
        ((_, _, packed),) = view_of(made).page(0)[1]
        assert {arc_ends(number) for number in unpack_arcs(packed)} == arcs
