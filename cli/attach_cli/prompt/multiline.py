"""Whether what was typed is whole, or goes on in the next line. Decided here: the process is asked nothing."""

from __future__ import annotations

import ast
import codeop
import warnings
from collections.abc import Collection

_compiler = codeop.CommandCompiler()
_compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def goes_on(text: str, prompt: str, commands: Collection[str] = ()) -> bool:
    """Whether another line belongs to `text`, what was typed so far at `prompt`.

    `commands` are the names that are no Python there, such as pdb's; after ``!`` all is Python. What this Python does
    not understand is whole: the process's Python may be another version, and says what it thinks of it.
    """
    if takes_lines_as_they_are(prompt):
        return False
    code = text.lstrip()
    if code.startswith("!"):
        code = code[1:].lstrip()
    elif is_command(code, commands):
        return False
    if "\n" not in code:  # `if x: y` alone is whole, as for pdb, and not followed by an `else`
        code += "\n"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _compiler(code, "<prompt>", "single") is None
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        return False


def takes_lines_as_they_are(prompt: str) -> bool:
    """Whether lines are collected in the process: pdb's ``commands`` and the second line of a console."""
    return prompt.strip() in ("(com)", "...")


def is_command(line: str, commands: Collection[str]) -> bool:
    """Whether the first word, as cmd.Cmd.parseline(cmd.py) takes it, is a command's name."""
    word = line
    for at, char in enumerate(line):
        if not (char.isalnum() or char == "_"):
            word = line[:at]
            break
    return word in commands or line.startswith("?")
