"""What is typed at a prompt: which lines belong together, what is remembered, what is shown."""

import os
from pathlib import Path

import pytest

from attach_cli.prompt import history
from attach_cli.prompt.history import LINES, History
from attach_cli.prompt.multiline import goes_on
from attach_cli.prompt.screen import safe

COMMANDS = ("a", "b", "c", "list", "p", "where")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the histories."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "live-attach"


@pytest.mark.parametrize(
    "text",
    ["def f():", "def f():\n    return 1", "if x:", "(1,", "x = [", "'''", "!for i in x:", "!  (", "with a: \\",
     "@decorated", "async def f():", "async with lock:", "items = {\n 'a': 1,", "p2 = (", "listing = ["],
)  # fmt: skip
def test_goes_on(text: str) -> None:
    """A statement that has begun goes on in the next line."""
    assert goes_on(text, "(Pdb) ", COMMANDS)


@pytest.mark.parametrize(
    "text",
    ["", "x", "x = 1", "def f():\n    return 1\n", "if x: y", "await thing()", "!x", "p (1,", "list (", "where", "?",
     "a", "!a = 1", "1 +", "x = )", "lambda:", "'half", "print 'two'", "\0", "p [", "b x.py:12, (a", "? ("],
)  # fmt: skip
def test_is_whole(text: str) -> None:
    """A whole statement, pdb's commands whatever follows, and what is no Python at all, are handed over at once."""
    assert not goes_on(text, "(Pdb) ", COMMANDS)


def test_lists_of_commands() -> None:
    """pdb's `commands`, and the further lines of its `interact`, are collected in the process."""
    assert not goes_on("def f():", "(com) ", COMMANDS)
    assert not goes_on("def f():", "... ")
    assert goes_on("def f():", ">>> ", ())


def test_history_is_remembered(state: Path) -> None:
    """What was entered is there the next time, in a file for its owner alone, and so is its folder."""
    first = History("debug")
    for line in ("p x", "n", "n", " secret", "", "ünï"):
        first.add(line)
    assert History("debug").lines == ["p x", "n", "ünï"]
    assert not History("shell").lines
    (file,) = state.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700


def test_history_of_two_operators(state: Path) -> None:
    """Two who type at the same time lose nothing."""
    one, other = History("debug"), History("debug")
    one.add("one")
    other.add("other")
    one.add("once more")
    assert History("debug").lines == ["one", "other", "once more"]


def test_history_is_bounded(state: Path) -> None:
    """The file does not grow for ever, nor does one line."""
    endless = History("debug")
    endless.add("x" * 100_000)
    for number in range(2 * LINES + 10):
        endless.add(f"line {number}")
    assert len(History("debug").lines) == LINES
    (file,) = state.iterdir()
    lines = file.read_text().splitlines()
    assert (len(lines), lines[-1]) == (LINES, f"line {2 * LINES + 9}")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("trap", ["others can write", "a link", "a pipe", "no folder", "binary"])
def test_history_that_cannot_be_used(state: Path, trap: str) -> None:
    """A file that is not private, or none, is left as it is, and is no error."""
    state.mkdir()
    file = state / "debug-history"
    elsewhere = state.parent / "elsewhere"
    elsewhere.write_text("theirs\n")
    elsewhere.chmod(0o600)
    match trap:
        case "others can write":
            file.write_text("theirs\n")
            file.chmod(0o622)
        case "a link":
            file.symlink_to(elsewhere)
        case "a pipe":
            os.mkfifo(file, 0o600)
        case "no folder":
            state.rmdir()
            state.write_text("")
        case "binary":
            file.write_bytes(b"\xff\xfe\0\n")
            file.chmod(0o600)
    remembered = History("debug")
    assert "theirs" not in remembered.lines
    remembered.add("mine")
    assert remembered.lines[-1] == "mine"
    assert elsewhere.read_text() == "theirs\n"
    assert trap != "others can write" or file.read_text() == "theirs\n"


def test_folder_of_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without XDG_STATE_HOME, or with a relative one, it is below ~/.local/state."""
    monkeypatch.setenv("HOME", "/home/me")
    for value in ("", "here"):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert history.folder() == Path("/home/me/.local/state/live-attach")


def test_only_colours_pass() -> None:
    """What a process prints sets the colour of text, on a terminal that has them, and does nothing else."""
    assert safe("\x1b[1;34mx\x1b[0m\n\ty", color=True) == "\x1b[1;34mx\x1b[0m\n\ty"
    assert safe("\x1b[31mred\n", color=True) == "\x1b[31mred\x1b[0m\n"
    assert safe("\x1b[31mx", color=False) == "\\x1b[31mx"
    for sequence in ("\x1b[2J", "\x1b]0;title\x07", "\x1b[8mhidden", "\x1b[41m", "\x9b1m", "\x1b[1;1H", "\r", "\x08",
                     "\x1b[38;5;1m", "\u202e", "\x1b"):  # fmt: skip
        shown = safe(f"a{sequence}b", color=True)
        assert all(char.isprintable() for char in shown), shown
