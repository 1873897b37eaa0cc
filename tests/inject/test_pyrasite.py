"""The rung of pyrasite: it works where gdb does, says why where not, and leaves nothing but what pyrasite leaves."""

import os
import shutil
import signal

import pytest

from attach.errors import BootstrapFailed, MethodUnavailable, PyrasiteFailed, PyrasiteHangs, UnsupportedMachine
from attach.inject import preflight
from attach.process import Process
from tests.inject.support import assert_nothing_left, end_of_state, in_state, inject_test_source, is_waiting, marks
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.picture import assert_untouched, picture
from tests.support.processes import wait_until

#: Not in the project's files: the product needs it for this rung only.
needs_gdb = pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
#: gdb calls into these only with debugging symbols, which 3.14 and 3.15 of Debian do not carry.
with_symbols = on_interpreters("3.8", "3.11", "3.13")
one_version = on_interpreters("3.11")

WHAT_IS_LEFT = """
import sys
raise ValueError(sys.path[:2], sorted(name for name in sys.modules["__main__"].__dict__ if name == "folder"))
"""


@needs_gdb
@with_symbols
def test_it_gets_in(interpreter: Interpreter) -> None:
    """``--method pyrasite`` enters a program that sleeps, and nothing stays in it."""
    with in_state(interpreter, "sleep") as target:
        before = picture(target.pid)
        assert inject_test_source(target.pid, method="pyrasite").method == "pyrasite"
        assert_nothing_left(before, target.pid)
        end_of_state(target)


@needs_gdb
@with_symbols
def test_errors_come_back(interpreter: Interpreter) -> None:
    """What the source raises is told to the operator only; pyrasite's folders are out of sys.path before it runs."""
    with in_state(interpreter, "sleep") as target:
        with pytest.raises(BootstrapFailed) as error:
            inject_test_source(target.pid, source=WHAT_IS_LEFT, method="pyrasite")
        assert "live-attach" not in error.value.text
        assert "site-packages" not in error.value.text
        assert error.value.text.endswith(", [])")
        assert target.stderr == ""
        end_of_state(target)


@needs_gdb
@on_interpreters("3.15")
def test_without_symbols(interpreter: Interpreter) -> None:
    """An interpreter into which gdb cannot call is told as such, and is as before."""
    with in_state(interpreter, "sleep") as target:
        before = picture(target.pid)
        with pytest.raises(PyrasiteFailed) as error:
            inject_test_source(target.pid, method="pyrasite")
        assert "debugging symbols" in error.value.message
        assert_untouched(before, target.pid)
        assert not marks(target.pid)
        end_of_state(target)


@needs_gdb
@one_version
def test_the_gil_is_held(interpreter: Interpreter) -> None:
    """Time runs out while gdb waits for the GIL: gdb is named and left alone, since ending it can end the program."""
    with in_state(interpreter, "gil_held_elsewhere", "60") as target:
        wait_until(lambda: is_waiting(target.pid), "the C call")
        with pytest.raises(PyrasiteHangs) as error:
            inject_test_source(target.pid, method="pyrasite", timeout=2)
        gdb = Process(target.pid).tracer
        assert gdb
        assert f"gdb (PID {gdb}) still holds the process" in error.value.message
        os.kill(gdb, signal.SIGKILL)
        wait_until(lambda: not Process(target.pid).tracer, "the end of gdb")


@one_version
def test_without_gdb(interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where gdb is missing ``--method pyrasite`` says so."""
    monkeypatch.setenv("PATH", "/nowhere")
    with in_state(interpreter, "sleep") as target, pytest.raises(MethodUnavailable, match="needs gdb"):
        inject_test_source(target.pid, method="pyrasite")


@one_version
def test_a_machine_without_registers(interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine of another kind pyrasite is the way in, and without gdb the machine is what is named."""
    monkeypatch.setattr(preflight, "_MACHINES", {})
    with in_state(interpreter, "sleep") as target:
        with pytest.raises(UnsupportedMachine):
            inject_test_source(target.pid, method="ptrace")
        if shutil.which("gdb"):
            assert inject_test_source(target.pid).method == "pyrasite"
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(UnsupportedMachine):
            inject_test_source(target.pid)
        end_of_state(target)
