"""--on-exception: told once, where it is raised."""

from tests.debug.inside import run
from tests.support.interpreters import Interpreter, on_interpreters

RAISED = ["raising", "Problem"]


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_where_it_is_raised(interpreter: Interpreter) -> None:
    """An exception is told in the frame that raises it and in none that it passes; the end of a loop is none."""
    found = run(interpreter, "exceptions.py")
    anything = found["anything"]
    own = {name: [item for item in anything[name] if item[0] != "__init__"] for name in anything}  # of the library
    assert own == {
        "catching": [RAISED],
        "cleaning": [RAISED],
        "bare": [RAISED],
        "once_more": [RAISED],
        "chained": [RAISED, ["chained", "KeyError"]],
        "of_c": [["of_c", "ValueError"]],
        "by_c": [RAISED],
        "calls_hidden": [["calls_hidden", "Problem"]],
        "looping": [],
        "stopping": [],
        "generating": [RAISED],
        "in_other_thread": [RAISED],
    }
    assert found["old"] == [["stored", "Problem"]]


@on_interpreters("3.8", "3.12", "3.15")
def test_which(interpreter: Interpreter) -> None:
    """A name is that of the class or of a base of it, with the module or without; control flow is told when named."""
    found = run(interpreter, "exceptions.py")
    wanted = {"Problem": [RAISED], "ValueError": [RAISED], "__main__.Problem": [RAISED]}
    assert found["named"] == wanted | {"KeyError": [], "exceptions.Problem": []}
    assert found["control"] == [["stopping", "StopIteration"]]
    assert found["late"] == [[["began_before", "Problem"]], [["began_before", found["line"]]]]


@on_interpreters("3.8", "3.12", "3.13")
def test_post_mortem(interpreter: Interpreter) -> None:
    """pdb gets the exception where it walks chains, else the traceback; hidden frames are left out of a copy."""
    found = run(interpreter, "exceptions.py")
    assert found["chain"] == ["Problem", "KeyError"]
    assert found["subject"] == ("KeyError" if interpreter.version >= (3, 13) else "traceback")
    assert found["shown"] == ["<module>"] and found["own"]
