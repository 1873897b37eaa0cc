"""A session in a run of pytest: its capture is suspended for the prompt, and it ends as if nobody had been there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attach.debugging import Break
from tests.debug.operating import Operator, debugging
from tests.support.environments import TESTED, TESTING, environment
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Target, running, wait_until

SUITE = TARGETS / "hanging_suite.py"
LOOKING = Break("hanging_suite.py", 1 + SUITE.read_text().splitlines().index("        if there:"))
NEVER = 1 + SUITE.read_text().splitlines().index('    print("never")')
#: Runs pytest with what the first argument says for input.
WITH_INPUT = """
import os, sys
here, there = os.pipe()
os.write(there, sys.argv.pop(1).encode())
os.close(there)
os.dup2(here, 0)
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


class Suite:
    """The run, which hangs in a test until it is let go on."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target = target
        self._folder = folder

    @property
    def pid(self) -> int:
        """Of the process that runs the test."""
        return (self.target.children() or [self.target.pid])[0]

    def waits_for(self, name: str) -> None:
        wait_until(
            lambda: self.exists(f"waits-for-{name}") or not self.target.is_running(), f"the test to wait for {name}"
        )
        assert self.exists(f"waits-for-{name}"), "the run is over"

    def exists(self, name: str) -> bool:
        return (self._folder / name).exists()

    def goes_on(self, name: str) -> None:
        (self._folder / name).touch()

    def report(self) -> str:
        """All that the run says, once it is over."""
        self.target.wait_for_end()
        return re.sub(r" in [\d.]+s", "", self.target.stdout)


@contextmanager
def suite(
    interpreter: Interpreter, folder: Path, test: str, *options: str, typed: str | None = None
) -> Iterator[Suite]:
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")  # else it finds that of our own tests
    python = environment(interpreter, TESTING)
    start = ["-m", "pytest"] if typed is None else ["-c", WITH_INPUT, typed]
    tests = [f"{SUITE}::{name}" for name in ("test_first", test)]
    common = ["-p", "no:cacheprovider", "-c", str(folder / "pytest.ini"), "--noconftest", "--tb=short", "-rN", "-q"]
    env = {"HANGING": str(folder)}
    with running([python, "-B", *start, *common, *options, *tests], env=env, cwd=folder) as target:
        started = Suite(target, folder)
        started.waits_for("go")
        yield started


def undisturbed(interpreter: Interpreter, folder: Path, test: str, *options: str, typed: str | None = None) -> str:
    """What the run says if nobody comes."""
    with suite(interpreter, folder, test, *options, typed=typed) as run:
        run.goes_on("go")
        run.goes_on("end")
        run.goes_on("over")
        return run.report()


@contextmanager
def stopped(run: Suite) -> Iterator[Operator]:
    """At the prompt, in the loop that waits."""
    with debugging(run.pid, breaks=(LOOKING,)) as operator:
        yield operator


def steps_out(operator: Operator, run: Suite) -> None:
    """From `wait` to the line below its call."""
    operator.does("clear 1")
    run.goes_on("go")
    operator.does("return")
    operator.does("next")


@on_interpreters("3.8", "3.15")
@pytest.mark.parametrize("options", [(), ("-s",), ("--capture=sys",), ("--capture=tee-sys",), ("-n1",)], ids="".join)
def test_hanging(interpreter: Interpreter, tmp_path: Path, options: tuple[str, ...]) -> None:
    """What was captured so far is shown, what the operator prints is not captured, and the report is as without us."""
    expected = undisturbed(interpreter, tmp_path / "undisturbed", "test_hanging", *options)
    with suite(interpreter, tmp_path / "stopped", "test_hanging", *options) as run:
        with stopped(run) as operator:
            shown = operator.wait_for_prompt()
            captured = re.findall(r"^>+ captured (.*?) >+\n((?:[^>].*\n)*)", shown, re.MULTILINE)
            sections = dict(captured)
            assert "careful" in sections.pop("log")
            if "-s" in options:
                assert not sections
            else:
                assert sections == {"stdout setup": "in setup\n", "stdout": "early\n", "stderr": "early error\n"}
            assert operator.does("print('mi' 'ne')") == "mine\n"
            assert operator.does("print('mi' 'ne', file=sys.stderr)") == "mine\n"
            steps_out(operator, run)
            assert operator.does("next").startswith("stepped\n> ")
            operator.leaves()
        run.goes_on("end")
        report = run.report()
    assert report == expected
    assert "mine" not in report


@on_interpreters("3.8", "3.15")
@pytest.mark.parametrize("options", [(), ("-s",)], ids=["", "-s"])
def test_capsys(interpreter: Interpreter, tmp_path: Path, options: tuple[str, ...]) -> None:
    """A test with the fixture capsys finds in it what the test has printed, and nothing of the operator's."""
    with suite(interpreter, tmp_path / "stopped", "test_fixture", *options) as run:
        with stopped(run) as operator:
            assert re.search(r"> captured stdout >+\nearly\n", operator.wait_for_prompt())
            assert operator.does("print('mi' 'ne')") == "mine\n"
            steps_out(operator, run)
            assert operator.does("next").startswith("stepped\n> ")
            operator.leaves()
        run.goes_on("end")
        assert "2 passed" in run.report()


@on_interpreters(*TESTED)
def test_redirected(interpreter: Interpreter, tmp_path: Path) -> None:
    """What a test has redirected itself, on top of pytest's capture, stays redirected."""
    with suite(interpreter, tmp_path / "stopped", "test_redirected") as run:
        with stopped(run) as operator:
            operator.wait_for_prompt()
            assert operator.does("print('mi' 'ne')") == "mine\n"
            steps_out(operator, run)
            assert operator.does("next").startswith("stepped\n> ")
            operator.leaves()
        run.goes_on("end")
        assert "2 passed" in run.report()


@on_interpreters(*TESTED)
def test_descriptors(interpreter: Interpreter, tmp_path: Path) -> None:
    """At the prompt descriptors are not captured, as at pytest's own; afterwards they are."""
    with suite(interpreter, tmp_path / "stopped", "test_hanging") as run:
        with stopped(run) as operator:
            operator.wait_for_prompt()
            assert operator.does("os.write(1, b'mi' b'ne')") == "4\n"
            assert "mine" in run.target.stdout
            operator.leaves()
        run.goes_on("go")
        run.goes_on("end")
        report = run.report()
    assert report.count("mine") == 1
    assert "early\nstepped\ndescriptor\nlate\n" in report


@on_interpreters(*TESTED)
def test_stops_again(interpreter: Interpreter, tmp_path: Path) -> None:
    """At the next stop only what was captured since is shown, and descriptors are captured as well."""
    with suite(interpreter, tmp_path / "stopped", "test_hanging") as run:
        with stopped(run) as operator:
            assert "early" in operator.wait_for_prompt()
            run.goes_on("go")
            operator.does("clear 1")
            operator.debug.feed("continue")
            operator.until("resumed")
            run.waits_for("end")
            assert operator.debug.stop("main") == ""
            shown = operator.wait_for_prompt()
            assert "> captured stdout >" in shown
            assert "\nstepped\ndescriptor\n" in shown
            assert "early" not in shown
            operator.leaves()
        run.goes_on("end")
        assert "early\nstepped\ndescriptor\nlate\n" in run.report()


@on_interpreters(*TESTED)
def test_other_thread(interpreter: Interpreter, tmp_path: Path) -> None:
    """What another thread prints while the test is stopped is captured; it is not shown, and does not pause."""
    with suite(interpreter, tmp_path / "stopped", "test_talking") as run:
        with stopped(run) as operator:
            operator.wait_for_prompt()
            operator.does("print('mi' 'ne')")
            seen = max(n for n in range(10_000) if run.exists(f"other-{n + 1}"))
            wait_until(lambda: run.exists(f"other-{seen + 5}"), "the other thread to go on")
            operator.leaves()
        for name in ("go", "end", "over"):
            run.goes_on(name)
        report = run.report()
    numbers = [int(number) for number in re.findall(r"^other (\d+)$", report, re.MULTILINE)]
    assert len(numbers) >= seen + 5
    assert numbers == list(range(1, len(numbers) + 1))
    assert "mine" not in report


@on_interpreters(*TESTED)
def test_set_trace_of_pytest(interpreter: Interpreter, tmp_path: Path) -> None:
    """pdb.set_trace() in a test joins while there is a session, and is pytest's again after it."""
    with suite(interpreter, tmp_path / "stopped", "test_calling") as run:
        with debugging(run.pid, breaks=(Break("hanging_suite.py", NEVER),)) as operator:
            run.goes_on("go")
            assert "-> pdb.set_trace()" in operator.wait_for_prompt()
            operator.does("next")
            assert operator.does("next").startswith("between\n> ")
            operator.leaves()
        run.goes_on("end")
        report = run.report()
    assert report.count("PDB set_trace (IO-capturing turned off)") == 1
    assert "BdbQuit" in report or "Quitting debugger" in report  # at the end of the run's own input
    assert "never\n" not in report


@on_interpreters(*TESTED)
@pytest.mark.parametrize("option", ["--pdb", "--trace"])
def test_prompts_of_pytest(interpreter: Interpreter, tmp_path: Path, option: str) -> None:
    """pytest's own prompts, and the breakpoints that were set at them, come as if nobody had been there."""
    line = 1 + SUITE.read_text().splitlines().index('    print("late")')
    typed = {"--pdb": "", "--trace": f"c\nb {SUITE}:{line}\nc\np 'at the breakpoint'\nc\n"}[option]
    expected = undisturbed(interpreter, tmp_path / "undisturbed", "test_hanging", option, typed=typed)
    assert "at the breakpoint" in expected or option == "--pdb"
    with suite(interpreter, tmp_path / "stopped", "test_hanging", option, typed=typed) as run:
        with stopped(run) as operator:
            operator.wait_for_prompt()
            operator.does("print('mi' 'ne')")
            steps_out(operator, run)
            operator.does("next")
            operator.leaves()
        run.goes_on("end")
        assert run.report() == expected
