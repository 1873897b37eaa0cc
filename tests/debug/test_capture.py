"""What the stopped thread reads and writes: the operator's at the prompt, shared while stepping, the program's else."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from attach.debugging import Break
from tests.debug.operating import Operator, debugging
from tests.end_to_end.test_programs import free_port
from tests.support import debugged
from tests.support.environments import server_environment
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import Target, http_get, running, wait_until

PRINTING = TARGETS / "printing.py"
LINES = PRINTING.read_text().splitlines()
WORK = Break("printing.py", 1 + LINES.index("    doubled = number * 2"))
REDIRECTING = Break("printing.py", 1 + LINES.index("    with contextlib.redirect_stdout(io.StringIO()) as text:"))
ANNOUNCING = Break("shop.py", debugged.line("announce"))


@contextmanager
def stopped_in_work(interpreter: Interpreter, *how: str) -> Iterator[tuple[Target, Operator]]:
    """At the first line of `work`; at the end the operator lets it go on, and its streams are as before."""
    with (
        running([interpreter.path, PRINTING, *how], ready="^ready$") as target,
        debugging(target.pid, breaks=(WORK,)) as op,
    ):
        op.wait_for_prompt()
        op.does("clear 1")
        yield target, op


def goes_on(target: Target, operator: Operator) -> None:
    """The session is over, and the program writes on to the streams that it had."""
    operator.leaves()
    rounds = len(main_lines(target))
    wait_until(lambda: len(main_lines(target)) > rounds + 10, "some more rounds")
    said = [line for line in main_lines(target) if line.startswith("streams")]
    assert said[-1] == "streams as before: True", said


def number_of(operator: Operator) -> str:
    """Of the round that it is stopped in."""
    return operator.does("p number").strip()


def main_lines(target: Target) -> list[str]:
    """What the main thread has printed."""
    return [line for line in target.stdout.splitlines() if not line.startswith("other")]


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_at_the_prompt(interpreter: Interpreter) -> None:
    """What is evaluated prints for the operator alone, as bytes too; what other threads print is the program's."""
    with stopped_in_work(interpreter) as (target, operator):
        assert operator.does("print('mi' 'ne')") == "mine\n"
        assert operator.does("__import__('sys').stderr.write('mi' 'ne\\n') and None") == "mine\n"
        assert operator.does("__import__('sys').stdout.buffer.write(b'by' b'tes\\n') and None") == "bytes\n"
        assert operator.does("spawned = threading.Thread(target=print, args=('th' 'readed',))") == ""
        assert operator.does("spawned.start() or spawned.join()") == ""
        target.wait_for("^threaded$")
        seen = len(re.findall("^other", target.stdout, re.MULTILINE))
        target.wait_for(f"^other {seen + 3}$")  # it has never paused
        numbers = [int(n) for n in re.findall(r"^other (\d+)$", target.stdout, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1))
        shown = "".join(event[1] for event in operator.events if event[0] in ("out", "err"))
        assert "other" not in shown
        assert not {"mine", "bytes"} & {*target.stdout.split(), *target.stderr.split()}
        goes_on(target, operator)
        assert "mine" not in target.stdout + target.stderr


@on_interpreters("3.8", "3.15")
def test_reading_at_the_prompt(interpreter: Interpreter) -> None:
    """input() asks the operator; a thread that reads then meets the program's own input."""
    with stopped_in_work(interpreter) as (target, operator):
        operator.debug.feed("answer = input('what? ')")
        assert operator.until("prompt")[1] == "what? "
        operator.does("this\n")
        assert operator.does("p answer") == "'this'\n"
        operator.does("globals().update(got=[])")
        operator.does("reader = threading.Thread(target=lambda: got.append(sys.stdin.readline()))")
        operator.does("reader.start() or reader.join()")
        assert operator.does("p got") == "['']\n"
        goes_on(target, operator)


@on_interpreters("3.8", "3.12", "3.15")
def test_while_stepping(interpreter: Interpreter) -> None:
    """What runs between two prompts is shown, and once in the program's own output; afterwards it is there alone."""
    with stopped_in_work(interpreter) as (target, operator):
        number = number_of(operator)
        operator.does("next")
        assert operator.does("next").startswith(f"out {number}\n> ")
        assert operator.does("next").startswith(f"err {number}\n> ")
        assert operator.does("next").startswith(f"written {number}\n> ")
        assert operator.does("next").startswith("> ")  # a handler that holds the old stream
        assert operator.does("next").startswith("> ")  # sys.__stdout__
        operator.does("return")
        operator.does("next")
        goes_on(target, operator)
        target.wait_for(rf"^out {int(number) + 5}$")
        lines = main_lines(target)
        assert [lines.count(f"{what} {number}") for what in ("out", "written", "old")] == [1, 1, 1]
        assert [target.stderr.splitlines().count(f"{what} {number}") for what in ("err", "log")] == [1, 1]
    assert not [
        event for event in operator.events if event[0] in ("out", "err") and f"out {int(number) + 1}" in event[1]
    ]


@on_interpreters("3.8", "3.15")
def test_in_redirect_stdout(interpreter: Interpreter) -> None:
    """What contextlib redirects is not redirected at the prompt, and complete afterwards."""
    with stopped_in_work(interpreter, "redirected") as (target, operator):
        number = number_of(operator)
        assert operator.does("print('mi' 'ne')") == "mine\n"
        operator.does("next")
        assert operator.does("next").startswith(f"out {number}\n> ")
        assert operator.does("next").startswith(f"err {number}\n> ")
        captured = operator.does("print(captured.getvalue())")
        assert "mine" not in captured
        assert captured.count(f"out {number}\n") == captured.count(f"err {number}\n") == 1
        goes_on(target, operator)
        assert "mine" not in target.stdout


@on_interpreters("3.8", "3.15")
def test_program_swaps_its_stream(interpreter: Interpreter) -> None:
    """A program that replaces sys.stdout while it is stepped gets its output, and its stream is never ours after it."""
    with stopped_in_work(interpreter) as (target, operator):
        number = number_of(operator)
        operator.does("return")
        operator.does("next")
        for _ in range(4):
            shown = operator.does("step")
        assert 'print("swapped' in shown
        assert operator.does("print('mi' 'ne')") == "mine\n"
        assert operator.does("next").startswith(f"swapped {number}\n> ")
        operator.does("next")
        assert f"swapped {number}\\n" in operator.does("p text")  # and perhaps a line of the other thread
        goes_on(target, operator)
        assert "mine" not in target.stdout
        assert "swapped" not in target.stdout


@on_interpreters("3.8", "3.15")
def test_put_back_late(interpreter: Interpreter, tmp_path: Path) -> None:
    """A stand-in that the program itself puts back after the session is gone from its streams with the agent."""
    with running([interpreter.path, PRINTING], ready="^ready$") as target:
        with debugging(target.pid, breaks=(REDIRECTING,)) as operator:
            operator.wait_for_prompt()
            assert "-> print(" in operator.does("next")
            operator.does(f"held.append({str(tmp_path)!r})")
            operator.leaves()
            tmp_path.rmdir()
            wait_until(lambda: "streams as before: False" in main_lines(target), "the stand-in to be put back")
        wait_until(lambda: main_lines(target).count("streams as before: True") > 1, "it to be gone")


@on_interpreters("3.8", "3.12", "3.14")
def test_capture_output_of_gunicorn(interpreter: Interpreter, tmp_path: Path) -> None:
    """What gunicorn has put into its log by redirecting descriptors is there, once, and nothing of the operator's."""
    log, port = tmp_path / "log", free_port()
    options = ["--threads", "2", "--bind", f"127.0.0.1:{port}", "--capture-output", "--error-logfile", log]
    command = [server_environment(interpreter), "-m", "gunicorn", *options, "wsgi_app:app"]
    with running(command, cwd=debugged.PROGRAMS) as target:
        wait_until(lambda: log.exists() and "Booting worker" in log.read_text(), "the worker")
        wait_until(lambda: answers(port, "/price/10"), "an answer")
        (worker,) = target.children()
        with debugging(worker, breaks=(ANNOUNCING,)) as operator, ThreadPoolExecutor(1) as client:
            answer = client.submit(http_get, port, "/announce/31")
            operator.wait_for_prompt()
            assert operator.does("print('mi' 'ne')") == "mine\n"
            assert operator.does("next").startswith("announced 31\n> ")
            assert operator.does("next").startswith("warned 31\n> ")
            operator.leaves()
            assert answer.result().text == "31"
        assert http_get(port, "/announce/32").text == "32"
        wait_until(lambda: "announced 32\n" in log.read_text(), "the next request's output")
        logged = log.read_text()
    assert logged.count("announced 31\n") == logged.count("warned 31\n") == 1
    assert "mine" not in logged


def answers(port: int, path: str) -> bool:
    try:
        return http_get(port, path).status == 200
    except OSError:
        return False


@on_interpreters("3.8", "3.15")
def test_redirect_of_celery(interpreter: Interpreter, tmp_path: Path) -> None:
    """What a task prints goes to celery's log, once, and nothing of the operator's; its stream is as before."""
    with debugged.celery(server_environment(interpreter), "threads", tmp_path) as server:
        with debugging(server.pid, breaks=(ANNOUNCING,)) as operator, server.asked("/announce/31") as answer:
            operator.wait_for_prompt()
            assert operator.does("print('mi' 'ne')") == "mine\n"
            assert operator.does("next").startswith("announced 31\n> ")
            assert operator.does("next").startswith("warned 31\n> ")
            operator.leaves()
            assert answer.result().text == "31"
        assert server.get("/announce/32").text == "32"
        # celery logs each piece that print writes by itself
        wait_until(lambda: "] 32\n" in server.target.stderr, "the next task's output")
        logged = server.target.stderr
    assert logged.count("] announced\n") == logged.count("] warned\n") == 2
    assert "mine" not in logged
