"""Fixtures of the debugger's tests."""

from collections.abc import Iterator

import pytest

from tests.debug.scenarios import stop_kept


@pytest.fixture(scope="session", autouse=True)
def kept_servers_end() -> Iterator[None]:
    """Servers that several scenarios have used end with the last test."""
    yield
    stop_kept()
