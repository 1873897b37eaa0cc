"""Imported by the first request that needs it."""


def twice(number):
    doubled = number * 2  # here: late
    return doubled  # here: last of late
