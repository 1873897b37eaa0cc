"""From the command line's options to a session of the library."""

from __future__ import annotations

from typing import Any

import click

from attach import Session
from attach.session import DEFAULT_TIMEOUT
from attach_cli import console


def pid() -> int:
    """The process that the command line names."""
    value: int = click.get_current_context().meta["attach.pid"]
    return value


def attach(process: int) -> Session:
    """Bring the agent, or join the one that is there."""
    meta: dict[str, Any] = click.get_current_context().meta
    return Session.attach(
        process,
        method=meta.get("attach.method", "auto"),
        timeout=timeout(),
        force=bool(meta.get("attach.force")),
        log=console.step_log(),
    )


def join() -> Session:
    """Connect to the agent that is there; NotAttached if there is none."""
    return Session.join(pid(), timeout=timeout())


def timeout() -> float:
    value: float = click.get_current_context().meta.get("attach.timeout", DEFAULT_TIMEOUT)
    return value
