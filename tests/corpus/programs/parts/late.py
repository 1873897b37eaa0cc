"""Loaded when it is first used."""


def function(n):
    if n:
        return 1
    return 2
