"""The programs of the pyrasite rung, on the operator's side: gdb, and pyrasite beside live-attach."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess

_VERSION = re.compile(r"\b\d+(?:\.\d+)+")
_SECONDS = 10


def gdb_version() -> str | None:
    """What gdb on PATH calls its version, empty if it does not tell; None if there is no gdb."""
    path = shutil.which("gdb")
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, "--version"], check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _VERSION.search(done.stdout.decode(errors="replace").partition("\n")[0])
    return found.group() if found else ""


def pyrasite_version() -> str | None:
    """The version of the pyrasite that is installed beside live-attach, None if there is none."""
    if importlib.util.find_spec("pyrasite") is None:
        return None
    try:
        return importlib.metadata.version("pyrasite")
    except importlib.metadata.PackageNotFoundError:
        return ""
