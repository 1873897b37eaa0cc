"""``attach ... | head``: who reads the output may leave at any time."""

import os
import subprocess

import pytest

from tests.support.command import ATTACH, environment

COMMANDS = (["--help"], ["exec", "--help"], ["ps"], ["ps", "--json"], ["doctor"], ["fetch-tracers", "--list"])


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_reader_has_left(arguments: list[str]) -> None:
    """Exit 141 without a word, as for a program that a closed pipe ends."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*ATTACH, *arguments], check=False, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment()
        )
    finally:
        os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 141
