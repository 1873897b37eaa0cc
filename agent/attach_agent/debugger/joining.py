"""The program's own ``breakpoint()`` joins a session."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Joining:
    def __init__(self, importer: Any, session: Any) -> None:
        self._session = session

    def open(self) -> None:
        """Not yet."""

    def close(self) -> None:
        """Not yet."""
