"""Its import fails half way."""

VALUE = 1


def function():
    return VALUE


raise ImportError("told to")
AFTER = 1
