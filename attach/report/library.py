"""coverage.py used as a library: its configuration errors become ours, its warnings are kept."""

from __future__ import annotations

import gc
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from coverage.exceptions import ConfigError, CoverageWarning

from attach.errors import ReportConfigNotUsable
from attach.report.data import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def as_library() -> Iterator[list[warnings.WarningMessage]]:
    """For the time of a report; gives the list that warnings come into.

    Raises:
        ReportConfigNotUsable: for coverage's ConfigError.
    """
    with ExitStack() as stack:
        caught = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always", CoverageWarning)
        stack.enter_context(_config_errors())
        stack.enter_context(_without_collector())
        yield caught


def told(caught: Sequence[warnings.WarningMessage]) -> Iterator[str]:
    """coverage's warnings, but for those that `ReportResult.unreported` tells."""
    for warning in caught:
        message = str(warning.message)
        if issubclass(warning.category, CoverageWarning) and not message.startswith("Couldn't parse"):
            yield printable(message)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Syntax trees are many objects without cycles: looking for some in them is 30 % of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _config_errors() -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise ReportConfigNotUsable(printable(str(error))) from error
