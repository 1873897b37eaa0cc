"""The stress of `make stress` in small: attaching harms no program, whatever it does."""

import pytest

from tests.stress.attaching import BY_ANOTHER, stress
from tests.stress.kills import kill_at_random
from tests.stress.loaded import LOADS
from tests.support.interpreters import MINORS, Interpreter, on_interpreters, require_interpreter

#: Each load on two versions, each version with two or three loads.
CASES = [(load, MINORS[(number + step) % len(MINORS)]) for number, load in enumerate(LOADS) for step in (0, 5)]


@pytest.mark.parametrize(("load", "minor"), CASES)
def test_attaching_harms_no_load(load: str, minor: str) -> None:
    """A program that checks itself finds nothing wrong while it is attached to, and nothing is left in it."""
    cell = stress(require_interpreter(minor).path, load, count=6, seconds=20, alone=0)
    assert cell.attaches.number
    assert not cell.attaches.messages
    assert not cell.harm


@on_interpreters("3.9", "3.14")
def test_two_operators_at_random(interpreter: Interpreter) -> None:
    """Operators who know nothing of each other hear of no error but that the agent went, and harm nothing."""
    cell = stress(interpreter.path, "memory", count=16, seconds=20, operators=2, alone=0)
    assert cell.attaches.answered
    assert cell.attaches.messages.keys() <= BY_ANOTHER
    assert not cell.harm


@pytest.mark.parametrize("load", ["aio", "forks"])
@on_interpreters("3.8", "3.13", "3.15")
def test_commands_killed_at_random(interpreter: Interpreter, load: str) -> None:
    """After a command that was killed at any moment the program goes on unharmed, and the next one works."""
    kills = kill_at_random(interpreter.path, load, 4, command=True, seed=None)
    assert not kills.findings()[1]
