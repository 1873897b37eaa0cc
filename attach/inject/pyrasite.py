"""The programs of the pyrasite rung, on the operator's side."""

import os
import re
import shutil
import subprocess
import sys

from attach.process import Process

PROGRAMS = ("gdb", "pyrasite")
_VERSION = re.compile(r"\b\d+(?:\.\d+)+")
_SECONDS = 10


def find_program(name: str) -> str | None:
    """The path of gdb or pyrasite: on PATH, or beside the Python that runs us. None if it is not here."""
    return shutil.which(name) or shutil.which(name, path=os.path.dirname(sys.executable))


def version_of(path: str) -> str:
    """What the program calls its version; empty if it does not tell."""
    if os.path.basename(path) == "pyrasite":
        return _version_of_pyrasite(path)
    try:
        done = subprocess.run(
            [path, "--version"], check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _VERSION.search(done.stdout.decode(errors="replace").partition("\n")[0])
    return found.group() if found else ""


def _version_of_pyrasite(path: str) -> str:
    """pyrasite has no --version: the metadata that are installed beside it tell."""
    from importlib.metadata import distributions

    library = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(path))), "lib")
    folders = [f"{library}/{name}/site-packages" for name in (os.listdir(library) if os.path.isdir(library) else ())]
    for distribution in distributions(name="pyrasite", path=[*folders, *sys.path]):
        return distribution.version
    return ""


def why_not_pyrasite(process: Process) -> str:
    """Why pyrasite could not get into the process, empty if it could: gdb reads its symbols from files."""
    missing = [name for name in PROGRAMS if find_program(name) is None]
    if missing:
        return f"it needs {' and '.join(missing)}, not found on this side"
    if process.sees_other_files():
        return "gdb would read the symbols from our files, which are not those of the process"
    return ""
