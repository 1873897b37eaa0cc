"""Its code equals its twin's."""


def first(n):
    if n:
        return [m for m in range(n)]
    return None


def second(n):
    return lambda: n
