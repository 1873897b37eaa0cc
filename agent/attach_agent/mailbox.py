"""What one thread leaves for another."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Mailbox:
    """A queue between a stopped thread and ours: no lock of it is ever held for longer than one C call.

    So neither side can make the other wait but by putting nothing in. `new_lock` makes native locks, which gevent does
    not replace. A signal handler, or an interrupt, may come between any two lines.
    """

    def __init__(self, new_lock: Callable[[], Any]) -> None:
        self._items: list[Any] = []
        self._news = new_lock()
        self._news.acquire()

    def put(self, item: Any) -> None:
        self._items.append(item)
        self.wake()

    def wake(self) -> None:
        """Have `wait` look again."""
        try:
            self._news.release()
        except RuntimeError:  # it was told already, and has not looked yet
            pass

    def wait(self, seconds: float) -> bool:
        """Whether there is something now; after `seconds`, or earlier if `wake` was called, it may still be nothing."""
        if not self._items:
            self._news.acquire(True, max(seconds, 0.0))
        return bool(self._items)

    def take(self, seconds: float = 0.0) -> Any:
        """The oldest item, waited for `seconds` at most; else None. One thread takes."""
        deadline = time.monotonic() + seconds
        while not self.wait(deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                return None
        return self._items.pop(0)

    def take_all(self, most: int) -> list[Any]:
        """Up to `most` of the oldest items."""
        items = self._items[:most]
        del self._items[: len(items)]
        return items

    def __len__(self) -> int:
        return len(self._items)
