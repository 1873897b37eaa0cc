from .. import constants
from ..constants import (
    FIRST,
    SECOND as RENAMED,
)

VALUE = FIRST + RENAMED + constants.FIRST


def unused():
    from . import nothing
    return nothing
