"""--log and --if: expressions of the operator, evaluated in the program's frame."""

from tests.debug.inside import run
from tests.support.interpreters import Interpreter, on_interpreters


@on_interpreters("3.8", "3.15")
def test_texts(interpreter: Interpreter) -> None:
    """A text has values as in an f-string; nothing is printed or displayed on the way."""
    found = run(interpreter, "logpoints.py")
    assert found["texts"] == {
        "plain": "plain",
        "{name}": "shop",
        "n={number!r:>5}|": "n=    7|",
        "{{{number}}}": "{7}",
        "{number + 1} {name!r} {name!s:<6}| {name!a}": "8 'shop' shop  | 'shop'",
        "{table['a:b']['c']}": "1",
        "{number != 7} {number == 7}": "False True",
        "{number:>{number}}": "      7",
        "{ {'x': number}['x'] }": "7",
        "{[n for n in (1, 2)]}": "[1, 2]",
        "{name[::-1]}": "pohs",
        "{(lambda: 3)()}": "3",
        "{awkward} {awkward!s}": "awkward awkward",
    }
    assert found["shown"] == []


@on_interpreters("3.8", "3.15")
def test_bounds(interpreter: Interpreter) -> None:
    """A line is short, comes so often and so fast at most, and tells an error once in full."""
    found = run(interpreter, "logpoints.py")
    first, second = found["failures"]
    assert first.startswith("<NameError: name 'nothing' is not defined> <RuntimeError: no repr> <Worse: <")
    assert second == "<NameError> <RuntimeError> <Worse>"
    length, begin, _ = found["long"]
    assert length < 1000 and begin == "[0, 1, 2, " and found["many"]
    assert found["hits"] == ["7", "7", "7", None, None] and found["done"]
    given, left_out = found["rated"]
    assert given == 2 and left_out == 98


@on_interpreters("3.8", "3.15")
def test_texts_that_cannot_be(interpreter: Interpreter) -> None:
    """A text that cannot be read is refused before anything is armed."""
    refused = run(interpreter, "logpoints.py")["refused"]
    assert {slug for slug, _ in refused.values()} == {"bad-logpoint"}
    assert refused["number}"][1] == "a single '}' is in the text; }} stands for one that is shown"


@on_interpreters("3.8", "3.15")
def test_conditions(interpreter: Interpreter) -> None:
    """A condition that fails is false, and told once."""
    found = run(interpreter, "logpoints.py")
    assert found["answers"] == [True, False, True, False, False, False, False, False, True]
    told = [note.split(" is false here: ")[0] for note in found["notes"]]
    assert told == ["condition nothing", "condition number.x", "condition worse()", "condition 1 +"]
