"""The payloads that come with pyrasite: files to run in a process, found by name and never imported here."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click


def find(name: str) -> Path:
    """The file of a payload. UsageError if there is none, with the names of those there are."""
    spec = importlib.util.find_spec("pyrasite")  # pyrasite itself is not imported by this
    if spec is None or not spec.submodule_search_locations:
        raise click.UsageError("pyrasite, which has the payloads, is not installed:  pip install pyrasite")
    folder = Path(spec.submodule_search_locations[0], "payloads")
    payloads = {path.stem: path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"}
    try:
        return payloads[name.removesuffix(".py")]
    except KeyError:
        raise click.UsageError(f"there is no payload {name!r}; there are: {', '.join(payloads)}") from None
