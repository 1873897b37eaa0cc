"""Waking the main thread."""


def woken(_signal, _frame):
    # type: (int, object) -> None
    """What CPython calls."""


CODE = woken.__code__
