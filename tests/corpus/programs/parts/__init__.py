"""A package whose names come by a star, by __getattr__ and from each other."""

from . import constants
from .constants import FIRST as _first

__all__ = ["star_imported", "used"]


def star_imported():
    return _first


def used():
    return constants.SECOND


def __getattr__(name):
    if name == "made_up":
        return 1
    raise AttributeError(name)
