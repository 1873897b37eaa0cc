"""coverage.py's compiled tracers, for targets that need one.

::

    builds.py     which there are, known to the byte
    finding.py    where one comes from
    download.py   from a package index
"""

from attach.tracers.builds import MACHINES, PLATFORMS, Build, build, versions
from attach.tracers.finding import (
    Working,
    available,
    cached,
    cached_builds,
    fetch,
    find,
    is_cached,
    path_of,
    silently,
)

__all__ = [
    "MACHINES",
    "PLATFORMS",
    "Build",
    "Working",
    "available",
    "build",
    "cached",
    "cached_builds",
    "fetch",
    "find",
    "is_cached",
    "path_of",
    "silently",
    "versions",
]
