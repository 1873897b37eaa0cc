"""What is asked of an injection, and what is told about it."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of `inject`."""

    source: str
    arrived: Callable[[], bool]
    method: str
    timeout: float
    log: Callable[[str], None]


@dataclass(slots=True)
class Injection:
    """How the source got in: the method, a word about it, and each step with its time in milliseconds."""

    method: str
    detail: str
    steps: list[tuple[str, float]] = field(default_factory=list)
    #: What could not be removed from the target, one sentence each; usually empty.
    leftovers: list[str] = field(default_factory=list)
