"""Only values."""
FIRST = 1
SECOND = (
    2
)
