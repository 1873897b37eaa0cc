"""What pdb has for a terminal: texts to the operator, lines from there."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..dialogue import Dialogue

#: Seconds after which a thread that waits for a line looks whether the session is over, whatever else fails.
LOOK = 0.25
LONGEST_PROMPT = 1000


class Console:
    """A stream to read from and to write to. What follows the last line's end when a line is asked for is a prompt."""

    encoding = "utf-8"
    errors = "backslashreplace"
    closed = False
    name = "<attach>"

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._tail = ""

    def write(self, text: str) -> int:
        self._tail = (self._tail + text).rpartition("\n")[2][-LONGEST_PROMPT:]
        self._dialogue.put("out", text)
        return len(text)

    def flush(self) -> None:
        """Nothing: what was written is on its way."""

    def readline(self, _size: int = -1) -> str:
        """A line of the operator's, with its end; "" when the session is over."""
        prompt, self._tail = self._tail, ""
        return self._dialogue.ask(prompt)

    def read(self, _size: int = -1) -> str:
        return self.readline()

    def __iter__(self) -> Any:
        return iter(self.readline, "")

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("it has no descriptor")

    def close(self) -> None:
        """It ends with the session."""
