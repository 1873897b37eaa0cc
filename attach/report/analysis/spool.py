"""Room for more bytes than memory should hold."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from attach.errors import OutputNotWritable

if TYPE_CHECKING:
    from typing import Self

#: Bytes kept in memory; what comes later goes to a temporary file, which has no name and ends with us.
_IN_MEMORY = 64 << 20


class Spool:
    """Bytes by name. What was kept before a fork can be read in it."""

    def __init__(self) -> None:
        self._left = _IN_MEMORY
        self._kept: dict[str, bytes] = {}
        #: Where the others are in the file: offset and size.
        self._places: dict[str, tuple[int, int]] = {}
        self._descriptor = -1
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __contains__(self, name: str) -> bool:
        return name in self._kept or name in self._places

    def keep(self, name: str, data: bytes) -> None:
        """Remember `data`.

        Raises OutputNotWritable, of the folder for temporary files.
        """
        if len(data) <= self._left:
            self._left -= len(data)
            self._kept[name] = data
            return
        try:
            if self._descriptor < 0:
                with tempfile.TemporaryFile(prefix="attach-report-") as file:
                    self._descriptor = os.dup(file.fileno())
            done = 0
            while done < len(data):
                done += os.pwrite(self._descriptor, data[done:], self._end + done)
        except OSError as error:
            raise OutputNotWritable(tempfile.gettempdir(), error.strerror or str(error)) from error
        self._places[name] = (self._end, len(data))
        self._end += len(data)

    def read(self, name: str) -> bytes:
        """What was kept under `name`."""
        if name in self._kept:
            return self._kept[name]
        offset, size = self._places[name]
        return os.pread(self._descriptor, size, offset)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._places.clear()
        self._left, self._end = _IN_MEMORY, 0
