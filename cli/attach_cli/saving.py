"""What is said about the data file that the process itself writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attach_cli import console


def say_begun(saving: Mapping[str, Any]) -> None:
    """After a start."""
    if saving.get("active"):
        console.say(f"It writes {_path(saving)} every {saving['every']:g} s in which something new ran.")


def say_problem(saving: Mapping[str, Any]) -> None:
    """At any command: that the last write failed."""
    if saving.get("error"):
        console.say(f"The process could not write {_path(saving)}: {console.escaped(str(saving['error']))}")


def say_end(saving: Mapping[str, Any]) -> None:
    """After the last write."""
    say_problem(saving)
    if saving and not saving["error"] and saving["ago"] >= 0:
        console.say(f"What it recorded is in {_path(saving)}")


def line(saving: Mapping[str, Any]) -> str:
    """For the status."""
    written = f"written {saving['ago']:.0f} s ago" if saving["ago"] >= 0 else "not written yet"
    after = f", next in {saving['next']:.0f} s" if saving["active"] else ", no more writes"
    problem = f"; the last write failed: {console.escaped(str(saving['error']))}" if saving["error"] else ""
    return f"data file: {_path(saving)}, every {saving['every']:g} s, {written}{after}{problem}"


def _path(saving: Mapping[str, Any]) -> str:
    return console.escaped(str(saving["path"]))
