"""Wheels of coverage.py for other Pythons, by pip, which knows the machine's index, proxy and certificates."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

Version = tuple[int, int]

#: The newest coverage.py for that version of Python; later ones have the last.
RELEASES: dict[Version, str] = {(3, 8): "7.6.1", (3, 9): "7.10.7", (3, 10): "7.16.2", (3, 11): "7.17.3"}

_PIP_SECONDS = 120


class PipFailed(Exception):
    """pip has brought nothing; the text is all that it says."""


def release(version: Version) -> str:
    """Which coverage.py is used for this version of Python."""
    return RELEASES.get(version, RELEASES[max(RELEASES)])


@contextmanager
def downloaded(version: Version, options: Sequence[str]) -> Iterator[Path]:
    """The wheel of `release` that pip chooses with these `options`, for as long as the block lasts.

    Raises PipFailed, OSError.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", f"--python-version={version[0]}.{version[1]}", *options]
    # an index that does not answer is tried twice, unless the user wants it otherwise; pip itself does so six times
    environment = {"PIP_RETRIES": "1", **os.environ}
    with tempfile.TemporaryDirectory(prefix="live-attach-") as folder:
        command += [f"--dest={folder}", f"coverage=={release(version)}"]
        try:
            # in that folder, since `-m` looks for modules where it stands
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PIP_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PipFailed(f"pip has not ended after {_PIP_SECONDS} s") from None
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise PipFailed(done.stderr.decode(errors="replace"))
        yield wheels[0]
