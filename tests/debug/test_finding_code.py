"""FILE:LINE and MOD:QUALNAME as operators type them."""

from pathlib import Path

from tests.debug.inside import run
from tests.support.interpreters import Interpreter, on_interpreters


@on_interpreters("3.8", "3.12", "3.15")
def test_files(interpreter: Interpreter, tmp_path: Path) -> None:
    """A file may be absolute, relative to the process, the unique end of a path, or behind a link."""
    found = run(interpreter, "files.py", str(tmp_path))
    assert set(map(tuple, found["found"].values())) == {(1, 1, 0)}
    assert found["place"] == [str(tmp_path / "shop/models.py"), 3]
    assert found["body"] == 3


@on_interpreters("3.8", "3.15")
def test_files_that_cannot_be(interpreter: Interpreter, tmp_path: Path) -> None:
    """An error names the files that may be meant, or the nearest lines that have code."""
    refused = run(interpreter, "files.py", str(tmp_path))["refused"]
    shop, cart = tmp_path / "shop/views.py", tmp_path / "cart/views.py"
    assert refused["ambiguous"] == ["ambiguous-file", f"views.py may be any of: {cart}, {shop}"]
    slug, message = refused["unknown"]
    assert slug == "unknown-file" and str(shop) in message
    near = "; the nearest lines that have some: "
    no_code = "no code that can still run is at shop/views.py:%d" + near
    assert refused["no code"] == ["no-code-at-line", no_code % 6 + "3 (total), 4 (total), 8 (other)"]
    assert refused["docstring"] == ["no-code-at-line", no_code % 2 + "3 (total), 4 (total)"]
    assert refused["definition"] == ["no-code-at-line", no_code % 1 + "3 (total), 4 (total)"]


@on_interpreters("3.8", "3.10", "3.12", "3.13", "3.15")
def test_code_that_comes_later(interpreter: Interpreter, tmp_path: Path) -> None:
    """A file that is imported later, imported anew, or executed stops from its first call on."""
    found = run(interpreter, "files.py", str(tmp_path))
    assert found["waits"] == 0
    assert found["imported"] == found["reloaded"] == [["total", 3]]
    assert found["executed"] == [["again", 3]]
    assert found["after"] == []


@on_interpreters("3.8", "3.12", "3.15")
def test_functions(interpreter: Interpreter, tmp_path: Path) -> None:
    """A function stops at the first statement of its body, however it is decorated, and only in its own code."""
    found = run(interpreter, "functions.py", str(tmp_path))
    lines = found["lines"] | {"part": found["lines"]["plain"], "Derived.method": found["lines"]["Thing.method"]}
    names = {"part": "plain", "Thing": "__init__", "one_line": "<lambda>"}
    for name, (line, hits, after) in found["answers"].items():
        assert line == lines.get(name, line), name
        assert hits == [[names.get(name, name.rpartition(".")[2]), line]], name
        assert after == []
    assert found["refused"] == [
        "unknown-function",
        "there is no function plane in module things; there are: part, plain",
    ]


@on_interpreters("3.8", "3.12", "3.15")
def test_functions_that_come_later(interpreter: Interpreter, tmp_path: Path) -> None:
    """A function of a module that is not imported yet stops from its first call on, and others of its name do not."""
    found = run(interpreter, "functions.py", str(tmp_path))
    assert found["waiting"] == [None, None]
    init, first = ["__init__", 7], ["first", 2]
    assert found["hits"] == [init, init, first, first]
    assert found["told"] == [["later.py", 7], ["later.py", 2]]
