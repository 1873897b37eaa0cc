"""What CPython's and pytest's own debuggers are tested for, as far as it has a meaning here."""

import json
import re
import subprocess
import time

import pytest

from tests.debug.scenarios import (
    assert_at,
    kept,
    leave,
    scenario,
    wait_for_stop,
    wait_until_armed,
    wait_until_detached,
)
from tests.support import debugged
from tests.support.command import ATTACH, assert_explained, attach, environment
from tests.support.debugged import Debugged, at, line
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import Response
from tests.support.terminal import attach_on_terminal

FEW = ("3.8", "3.15")


@pytest.fixture
def server(interpreter: Interpreter) -> Debugged:
    """The threaded server."""
    return kept("threaded", interpreter, lambda: debugged.threaded(interpreter.path))


# ---- CPython: Lib/test/test_remote_pdb.py ----


@on_interpreters(*FEW)
def test_basic_commands(interpreter: Interpreter, server: Debugged) -> None:
    """Commands that look: where, args, whatis, list, longlist, source, display, p, pp; and that change: jump, until."""
    with scenario(server, "--break", at("amount")) as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            where = operator.ask("bt")
            assert "do_GET()" in where and "price_of()" in where
            assert "live_attach" not in where and "attach_agent" not in where  # none of our frames
            assert operator.ask("args") == "number = 10"
            assert operator.ask("whatis unit") == "<class 'int'>"
            assert re.search(r"->\s+amount = number \* unit", operator.ask("list"))
            assert "def price_of(number):" in operator.ask("longlist")
            assert "def discount(amount):" in operator.ask("source discount")
            assert operator.ask("pp [unit] * 2") == "[7, 7]"
            assert "display unit" in operator.ask("display unit")
            assert_at(operator.ask(f"until {line('total')}"), "total")
            assert_at(operator.ask(f"jump {line('first of price')}"), "first of price")
            assert_at(operator.ask("next"), "amount")
            assert operator.ask("number = 1") == ""
            operator.send("c")
            assert answer.result(30) == Response(200, "7")
        leave(operator)


@on_interpreters(*FEW)
def test_breakpoints_at_the_prompt(server: Debugged) -> None:
    """break, tbreak, condition, ignore, disable, enable and clear, by pdb's own commands."""
    with scenario(server, "--break", at("first of price"), "--once") as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "first of price")
            assert "Breakpoint" in operator.ask("break discount")
            operator.send("c")
            wait_for_stop(operator, "first of discount")
            listed = operator.ask("break")
            assert f"shop.py:{line('first of discount')}" in listed and "hit 1 time" in listed
            number = re.findall(r"^(\d+)\s+breakpoint", listed, re.MULTILINE)[-1]
            assert "disabled" in operator.ask(f"disable {number}").lower()
            assert "enabled" in operator.ask(f"enable {number}").lower()
            assert "condition" in operator.ask(f"condition {number} amount > 100").lower()
            assert "Deleted" in operator.ask(f"clear {number}")
            assert "Breakpoint" in operator.ask(f"tbreak {line('last of price')}")
            assert "->7" in operator.ask("return")
            operator.send("c")
            wait_for_stop(operator, "last of price")
            operator.send("c")
            assert answer.result(30) == Response(200, "63")
        assert server.get("/price/10") == Response(200, "63")
        leave(operator)


@on_interpreters(*FEW)
def test_commands_of_a_breakpoint(server: Debugged) -> None:
    """`commands` reads at its own prompt, and runs what it was given at the next stop."""
    with scenario(server, "--break", at("loop")) as operator:
        wait_until_armed(operator)
        with server.asked("/sum/3") as answer:
            wait_for_stop(operator, "loop")
            operator.send("commands 1")
            operator.wait_for(r"\(com\) ")
            operator.send("silent")
            operator.wait_for(r"\(com\) ")
            operator.send("p 'at', number, total")
            operator.wait_for(r"\(com\) ")
            operator.ask("end")
            assert "('at', 1, 0)" in operator.ask("c")
            assert "('at', 2, 1)" in operator.ask("c")
            operator.send("c")
            assert answer.result(30) == Response(200, "3")
        leave(operator)


@on_interpreters(*FEW)
def test_help(server: Debugged) -> None:
    """help, of all and of one; and that of the module."""
    with scenario(server, "--break", at("amount"), "--once") as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            assert "Documented commands" in operator.ask("help")
            assert "breakpoint" in operator.ask("help break")
            assert "No help" in operator.ask("help nothing_like_it")
            operator.send("q")
            assert answer.result(30) == Response(200, "63")
        wait_until_detached(operator)


@on_interpreters(*FEW)
def test_several_lines(server: Debugged) -> None:
    """A statement of several lines is read until it is complete, and what it defines stays; mistakes are told."""
    with scenario(server, "--break", at("amount"), "--once") as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            for text in ("def twice(x):", "    return x * 2"):
                operator.send(text)
                operator.wait_for(r"\.\.\. +")
            operator.ask("")
            assert operator.ask("twice(21)") == "42"
            operator.send("[unit,")
            operator.wait_for(r"\.\.\. +")
            assert operator.ask("unit]") == "[7, 7]"
            assert "SyntaxError" in operator.ask("unit unit")
            assert "ZeroDivisionError" in operator.ask("1 / 0")
            operator.send("if True:")
            operator.wait_for(r"\.\.\. +")
            operator.interrupt()  # gives the statement up
            operator.wait_for_prompt()
            assert operator.ask("p unit") == "7"
            operator.send("c")
            assert answer.result(30) == Response(200, "63")
        leave(operator)


@on_interpreters(*FEW)
def test_interact(server: Debugged) -> None:
    """`interact` is a prompt of its own with the frame's names; its end comes back to pdb's."""
    with scenario(server, "--break", at("amount"), "--once") as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            operator.send("interact")
            operator.wait_for(r"^>>> ")
            assert operator.ask("unit * 2") == "14"
            assert "ZeroDivisionError" in operator.ask("1 / 0")
            operator.ask("exit()")
            assert operator.ask("p unit") == "7"
            operator.send("q")
            assert answer.result(30) == Response(200, "63")
        wait_until_detached(operator)


@on_interpreters(*FEW)
def test_scripted(server: Debugged) -> None:
    """-c and a piped stdin give a session without a terminal, in a plain text, which changes the answer."""
    options = ["--break", at("total"), "--once", "-c", "p amount", "-c", "less = 20"]
    with subprocess.Popen(
        [*ATTACH, str(server.pid), "debug", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as operator:
        try:
            assert operator.stdin and operator.stderr
            for said in operator.stderr:
                if "Waiting" in said:
                    break
            with server.asked("/price/10") as answer:
                out, error = operator.communicate("p less\nll\nc\n", timeout=60)
                assert answer.result(30) == Response(200, "50")
        finally:
            operator.kill()
    assert "70\n" in out and "20\n" in out, out + error
    assert "def price_of(number):" in out
    assert "\x1b" not in out


# ---- pytest: testing/test_debugging.py ----


@on_interpreters(*FEW)
def test_recursive_debug(server: Debugged) -> None:
    """`debug` within `debug`: c and q leave the inner one only; the request waits, and is answered after the outer."""
    with scenario(server, "--break", at("amount"), "--once") as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            assert "ENTERING RECURSIVE DEBUGGER" in operator.ask("debug discount(50)")
            assert operator.ask("p 40 + 2") == "42"
            assert "LEAVING RECURSIVE DEBUGGER" in operator.ask("c")
            operator.ask("debug 42")
            assert "LEAVING RECURSIVE DEBUGGER" in operator.ask("q")
            assert operator.ask("p number") == "10"
            assert not answer.done()
            operator.send("c")
            assert answer.result(30) == Response(200, "63")
        leave(operator)


@on_interpreters(*FEW)
def test_twice(server: Debugged) -> None:
    """breakpoint() twice in a session, and once more after it: then it is the program's again."""
    with scenario(server, "--break", at("after breakpoint")) as operator:
        wait_until_armed(operator)
        for _ in range(2):
            with server.asked("/asks/1") as answer:
                operator.wait_for_prompt()
                operator.send("c")
                wait_for_stop(operator, "after breakpoint")
                operator.ask("answer = 5")
                operator.send("c")
                assert answer.result(30) == Response(200, "5")
        leave(operator)


@on_interpreters(*FEW)
def test_quit_that_a_program_would_swallow(server: Debugged) -> None:
    """`quit` raises nothing, neither SystemExit nor BdbQuit, that a handler of the program could take for its own."""
    with scenario(server, "--break", at("raises first")) as operator:
        wait_until_armed(operator)
        with server.asked("/order/tea") as answer:
            wait_for_stop(operator, "raises first")
            operator.send("q")
            assert answer.result(30) == Response(200, "3")
        wait_until_detached(operator)
    assert "BdbQuit" not in server.target.stderr


@on_interpreters(*FEW)
def test_pdbcls(server: Debugged) -> None:
    """--pdbcls takes a class of the program, at whose prompt its own commands work; what is none is refused."""
    with scenario(server, "--break", at("amount"), "--once", "--pdbcls", "shop_pdb:ShopPdb") as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            operator.wait_for_prompt()
            assert operator.ask("hello you") == "hello, you"
            operator.send("c")
            assert answer.result(30) == Response(200, "63")
        leave(operator)
    for name in ("shop_pdb:Nothing", "no_such_module:Pdb", "shop:Basket"):
        assert_explained(attach(server.pid, "debug", "--pdbcls", name), 2, "[pdbcls]", name.partition(":")[2])
    assert_explained(attach(server.pid, "debug", "--pdbcls", "invalid"), 2, "MODULE:CLASS")


# ---- our own: one session, and what ends it ----


@on_interpreters(*FEW)
def test_what_cannot_be(server: Debugged) -> None:
    """run and restart are refused; no word of pdb's ends the server."""
    with scenario(server, "--break", at("amount"), "--once") as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            for word in ("run", "restart"):
                assert operator.ask(word).startswith("***")
            assert "SystemExit" in operator.ask("import sys; sys.exit(1)")
            assert operator.ask("6 * 7") == "42"
            assert "NameError" in operator.ask("p _")  # our displayhook leaves nothing in builtins
            operator.send("c")
            assert answer.result(30) == Response(200, "63")
        leave(operator)


@on_interpreters(*FEW)
def test_status_reset_and_a_second_operator(server: Debugged) -> None:
    """A second operator is told who holds the session; --status shows it; --reset ends it and the request goes on."""
    with scenario(server, "--break", at("amount")) as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            assert_explained(attach(server.pid, "debug"), 6, "[debug-busy]", str(operator.pid), "--reset")
            status = attach(server.pid, "debug", "--status")
            assert status.code == 0 and "amount" in operator.shown and str(operator.pid) in str(status), str(status)
            reset = attach(server.pid, "debug", "--reset")
            assert reset.code == 0, str(reset)
            assert answer.result(30) == Response(200, "63")
        operator.wait_for_end()
    assert attach(server.pid, "debug", "--reset").code == 0
    assert attach(server.pid, "debug", "--status").code == 0


@on_interpreters(*FEW)
@pytest.mark.parametrize("timeout", ["--stop-timeout", "--idle-timeout"])
def test_timeouts(server: Debugged, timeout: str) -> None:
    """A stop ends by itself: after so much time in all, or without input; it is said which."""
    with scenario(server, "--break", at("amount"), timeout, "1.5") as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            assert answer.result(30) == Response(200, "63")
        _, shown = operator.wait_for_end()
        assert timeout.strip("-").replace("-", " ").split()[0] in operator.shown.lower(), shown


@on_interpreters(*FEW)
def test_a_request_for_a_stop_is_revoked(server: Debugged) -> None:
    """Who gives up waiting for a thread is never answered later: the thread passes its next line unnoticed."""
    with scenario(server, "--thread", "napper", "--wait", "0.1") as operator:
        operator.wait_for("Stop another one")
        assert leave(operator) == 130
    time.sleep(1.6)  # its nap is over: the check finds it untraced
    with scenario(server, "--break", at("amount"), "--once") as operator:
        wait_until_armed(operator)
        leave(operator)


# ---- coverage beside it ----


@on_interpreters("3.8", "3.11", "3.12", "3.14", "3.15")
def test_coverage(interpreter: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> None:
    """While coverage is measured: lines that are stepped over count, those of the prompt do not, and all goes on."""
    folder = tmp_path_factory.mktemp("coverage")
    with debugged.threaded(interpreter.path) as server:
        with scenario(server, ignoring=("tracing", "tracers", "frames_traced", "monitoring")) as operator:
            operator.wait_for_prompt()
            operator.send("q")
            wait_until_detached(operator)
        assert attach(server.pid, "start-coverage").code == 0
        with attach_on_terminal(server.pid, "debug", "--break", at("first of price")) as operator:
            wait_until_armed(operator)
            with server.asked("/price/10") as answer:
                wait_for_stop(operator, "first of price")
                operator.ask("import shop; shop.sum_of(3)")  # the prompt's own work
                for mark in ("amount", "call", "total"):
                    assert_at(operator.ask("next"), mark)
                operator.send("c")
                assert answer.result(30) == Response(200, "63")
            server.get("/basket/tea")
            leave(operator)
        assert attach(server.pid, "snapshot", "--json=report.json", cwd=folder).code == 0
        files = json.loads((folder / "report.json").read_text())["files"]
        (executed,) = (set(file["executed_lines"]) for name, file in files.items() if name.endswith("/shop.py"))
        assert {line(mark) for mark in ("first of price", "amount", "call", "total", "last of price")} <= executed
        assert {line(mark) for mark in ("first of discount", "last of discount", "method", "closure")} <= executed
        assert not {line(mark) for mark in ("loop", "after loop", "raises first")} & executed
        assert attach(server.pid, "detach").code == 0
        server.assert_serving()
