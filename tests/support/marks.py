"""The marks at the ends of lines in tests/targets, which say what runs.

    # ran      runs while the target is driven, after an attach
    # before   has run before the target was ready, and does not run again
    # live     has begun before the target was ready, and ends after the attach
    # not      never runs
    # asked    runs only for a request that belongs to the tests
    # perhaps  is no event of its own in some versions (`while True`, `try`): neither required nor forbidden

Every line that holds code carries exactly one.
"""

import re
from pathlib import Path

TARGETS = Path(__file__).parent.parent / "targets"
MARKS = ("ran", "before", "live", "not", "asked", "perhaps")


def lines_marked(path: Path, *marks: str) -> set[int]:
    """The numbers of the lines of `path` that end in one of `marks`."""
    unknown = set(marks) - set(MARKS)
    if unknown:
        raise ValueError(f"no such marks: {sorted(unknown)}")
    pattern = re.compile(rf"# ({'|'.join(marks)})$")
    lines = path.read_text().splitlines()
    return {number for number, line in enumerate(lines, start=1) if pattern.search(line)}


class LineLog:
    """Which lines of tests/targets a program executes, by sys.settrace from its first line on.

    Start the program with `env`.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._position = 0
        self.env = {
            "PYTHONPATH": str(TARGETS / "line_log"),
            "LINE_LOG": str(file),
            "LINE_LOG_ROOT": str(TARGETS),
        }

    def take(self, path: Path) -> set[int]:
        """The numbers of the lines of `path` that ran since the last take."""
        with self._file.open() as log:
            log.seek(self._position)
            lines = log.read().split()
            self._position = log.tell()
        return {int(number) for name, _, number in (line.partition(":") for line in lines) if name == path.name}
