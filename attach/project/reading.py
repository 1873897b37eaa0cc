"""Reads a configuration file with coverage.py's own reader, in a process of its own.

The reader replaces ``$NAME`` by variables of the environment, and ``~`` by ``$HOME``: those have to be the target's,
and the operator's must not end up in a report. A hostile file can at most end this process. Plugins are named, never
imported.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from attach.report.settings import KINDS, BadSettings, Settings

_SECONDS = 10
_MEMORY = 1 << 30
_LARGEST_ANSWER = 1 << 20

_CHILD = """
import json, sys
task = json.load(sys.stdin)
sys.path[:] = task["path"]
from attach.project.reading import answer
answer(task)
"""


class NotReadable(Exception):
    """coverage.py refuses the file; the text says why."""


def read(files: Mapping[str, bytes], environment: Mapping[str, str], folder: str, named: str = "") -> Settings | None:
    """What coverage.py would go by in `folder` if it held `files`; None if none of them says anything to it.

    `named` is the path of a file that was named by somebody: then `files` has only that, and what counts is it alone.
    Raises NotReadable.
    """
    task = {
        # nothing that lies where the files will may be imported
        "path": [os.path.abspath(entry) for entry in sys.path if entry],
        "files": {name: content.decode("latin-1") for name, content in files.items()},
        "named": next(iter(files)) if named else "",
        "environment": dict(environment),
    }
    found = _ask(task)
    if "error" in found:
        raise NotReadable(str(found["error"]))
    if not found["file"]:
        return None
    path = named or os.path.join(folder, found["file"])
    settings = Settings(path, folder, found["values"], found["paths"], found["plugins"], tuple(found["warnings"]))
    try:
        Settings.from_text(settings.text())  # what we cannot take back later is told now
    except BadSettings as error:
        raise NotReadable(str(error)) from None
    return settings


def _ask(task: dict[str, Any]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _CHILD],
            input=json.dumps(task).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"reading it takes longer than {_SECONDS} s"}
    if done.returncode or len(done.stdout) > _LARGEST_ANSWER:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        return {"error": words[-1] if words else f"reading it ended with {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def answer(task: dict[str, Any]) -> None:
    """In the process of its own, which removes its files also if the operator is killed: write the answer to stdout."""
    with tempfile.TemporaryDirectory(prefix="live-attach-") as place:
        os.chdir(place)
        for name, content in task["files"].items():
            with open(name, "wb") as file:
                file.write(content.encode("latin-1"))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        os.environ.clear()
        os.environ.update(task["environment"])
        found = _found(task["named"])
    json.dump(found, sys.stdout)


def _found(named: str) -> dict[str, Any]:
    """What the files in the working directory say."""
    from coverage.config import CoverageConfig, read_coverage_config
    from coverage.exceptions import CoverageException

    warnings: list[str] = []
    try:
        config = read_coverage_config(named or True, warnings.append)
    except (CoverageException, ValueError, RecursionError, MemoryError) as error:
        return {"error": str(error) or type(error).__name__}
    plain = CoverageConfig()
    values = {}
    for name, kind in KINDS.items():
        value = config.get_option(name)
        if value is not None and value != plain.get_option(name):
            values[name] = kind(value)
    return {
        "file": os.path.basename(config.config_file or ""),
        "values": values,
        "paths": config.paths,
        "plugins": {name: _texts(config.get_plugin_options(name)) for name in config.plugins},
        "warnings": warnings,
    }


def _texts(options: Mapping[str, Any]) -> dict[str, str]:
    """A plugin's options as strings, as an ini file has them: TOML's lists with commas."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in options.items()
    }
