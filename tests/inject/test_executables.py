"""Executables that change or hide while they are looked at."""

import os
import signal
from pathlib import Path

import pytest

from attach.errors import TargetExited
from attach.inject import inject
from attach.inject.memory import Memory, read_maps
from attach.inject.symbols import Image, image_mappings
from attach.process import Process
from tests.inject.support import TARGETS
from tests.support.executables import compiled
from tests.support.interpreters import require_interpreter
from tests.support.picture import assert_untouched, settled_picture
from tests.support.processes import running, wait_until

BECOMES = """
import os, signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: os.execv(sys.argv[1], sys.argv[1:]))
print("ready", flush=True)
time.sleep(1000)
"""
LOADS = """
import ctypes, sys, time
library = ctypes.CDLL(sys.argv[1])
print("ready", flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize(("minor", "method"), [("3.8", "ptrace"), ("3.14", "ptrace"), ("3.14", "remote-exec")])
def test_a_program_that_becomes_another_one_meanwhile(minor: str, method: str) -> None:
    """execve(2) in the middle of an injection is an error of its own, and the new program is untouched."""
    python = require_interpreter(minor).path
    with running([python, "-c", BECOMES, python, TARGETS / "states.py", "sleep"], ready="^ready$") as target:
        pictures = []

        def arrived() -> bool:
            if not pictures:
                os.kill(target.pid, signal.SIGUSR1)
                wait_until(lambda: target.stdout.count("ready") == 2, "the second program")
                pictures.append(settled_picture(target.pid))
            return False

        with pytest.raises(TargetExited) as error:
            inject(Process(target.pid), "import time; time.sleep(1)", arrived, method=method)
        assert "another program" in error.value.message
        assert_untouched(pictures[0], target.pid)
        assert target.is_running()


@pytest.mark.parametrize("style", ["sysv", "gnu", "both"])
def test_hash_styles(style: str, tmp_path: Path) -> None:
    """Functions are found by either kind of hash table."""
    source = "".join(f"int function_{number}(void) {{ return {number}; }}\n" for number in range(300))
    library = compiled(source, tmp_path / "library.so", "-shared", "-fPIC", f"-Wl,--hash-style={style}")
    with running([require_interpreter("3.12").path, "-c", LOADS, library], ready="^ready$") as target:
        process = Process(target.pid)
        with Memory(process) as memory:
            (mapping,) = (found for found in image_mappings(read_maps(process)) if found.path == str(library))
            image = Image(memory, mapping.start)
            for number in range(300):
                symbol = image.symbol(f"function_{number}")
                assert symbol is not None
                assert image.function_at(symbol.address) == f"function_{number}"
            assert image.symbol("function_300") is None
