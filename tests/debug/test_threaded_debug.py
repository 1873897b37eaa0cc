"""A threaded server: one request is stopped, looked at, changed, and goes on, while all others are served."""

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
from tests.support.debugged import PROGRAMS, Debugged, at
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.processes import Response

THREADED = PROGRAMS / "threaded_server.py"
SPREAD = ("3.8", "3.12", "3.15")
FEW = ("3.8", "3.15")


@pytest.fixture
def server(interpreter: Interpreter) -> Debugged:
    """One server for all scenarios on a version: none has harmed it."""
    return kept("threaded", interpreter, lambda: debugged.threaded(interpreter.path))


def test_a_request_at_a_line(server: Debugged) -> None:
    """It hangs at the prompt while others are served; locals, step, next, up and down; a change shows in the answer."""
    with scenario(server, "--break", at("amount")) as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            assert operator.ask("p number, unit") == "(10, 7)"
            server.vitals.assert_beating()
            server.assert_serving()  # by another thread, through the same line
            assert not answer.done()
            assert_at(operator.ask("next"), "call")
            assert "--Call--" in operator.ask("step")
            assert_at(operator.ask("next"), "first of discount")
            assert operator.ask("p amount") == "70"
            assert_at(operator.ask("up"), "call")
            assert operator.ask("p unit") == "7"
            assert_at(operator.ask("down"), "first of discount")
            assert operator.ask("p rate").startswith("*** NameError")
            assert "->7" in operator.ask("return")
            assert_at(operator.ask("next"), "total")
            operator.ask("less = 20")
            operator.send("continue")
            assert answer.result(30) == Response(200, "50")
        leave(operator)


@on_interpreters("3.8", "3.12", "3.15")
def test_quit(server: Debugged) -> None:
    """`quit` lets the request go on: it is answered, nothing is raised in it, and no breakpoint is left."""
    with scenario(server, "--break", at("amount")) as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            operator.send("quit")
            assert answer.result(30) == Response(200, "63")
        wait_until_detached(operator)
        server.assert_serving()


@on_interpreters("3.12")
def test_other_words_for_quit(server: Debugged) -> None:
    """Each of pdb's words for the end is a detach."""
    for word in ("q", "exit", "detach"):
        with scenario(server, "--break", at("amount")) as operator:
            wait_until_armed(operator)
            with server.asked("/price/10") as answer:
                wait_for_stop(operator, "amount")
                operator.send(word)
                assert answer.result(30) == Response(200, "63")
            wait_until_detached(operator)


@on_interpreters("3.8", "3.12", "3.15")
def test_end_of_input(server: Debugged) -> None:
    """Ctrl-D at the prompt is a detach, and the request is answered."""
    with scenario(server, "--break", at("first of discount")) as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "first of discount")
            operator.end_of_input()
            assert answer.result(30) == Response(200, "63")
        wait_until_detached(operator)


@on_interpreters(*SPREAD)
def test_the_terminal_is_gone(server: Debugged) -> None:
    """When the connection of the operator breaks, the request is answered."""
    with scenario(server, "--break", at("amount")) as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "amount")
            operator.hang_up()
            assert answer.result(30) == Response(200, "63")


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_the_main_thread(server: Debugged) -> None:
    """Without a trigger the main thread stops at its next line, is stepped, and goes on."""
    with scenario(server) as operator:
        assert str(THREADED) in operator.wait_for_prompt()
        server.assert_serving()
        server.vitals.assert_beating()
        assert "main()" in operator.ask("where")
        operator.ask("next")
        assert operator.ask("p ticks > 0") == "True"
        operator.send("q")
        wait_until_detached(operator)


@on_interpreters(*SPREAD)
def test_a_thread_by_its_name(server: Debugged) -> None:
    """--thread NAME stops that one; its sibling in the same function works on."""
    with scenario(server, "--thread", "worker-2") as operator:
        operator.wait_for_prompt()
        rounds = "__import__('sys').modules['__main__'].rounds"
        assert operator.ask("p __import__('threading').current_thread().name") == "'worker-2'"
        mine = int(operator.ask(f"p {rounds}['worker-2']"))
        other = int(operator.ask(f"p {rounds}['worker-1']"))
        server.vitals.assert_beating()
        assert int(operator.ask(f"p {rounds}['worker-2']")) == mine
        assert int(operator.ask(f"p {rounds}['worker-1']")) > other
        operator.send("q")
        wait_until_detached(operator)


@on_interpreters(*SPREAD)
def test_a_thread_in_a_call_that_returns(server: Debugged) -> None:
    """A thread in a long C call stops when the call returns."""
    with scenario(server, "--thread", "napper") as operator:
        shown = operator.wait_for_prompt()
        assert "napping()" in shown
        operator.send("q")
        wait_until_detached(operator)


@on_interpreters(*SPREAD)
def test_a_thread_that_is_blocked(server: Debugged) -> None:
    """It is said where a thread is blocked, and which others there are; to leave harms nothing."""
    with scenario(server, "--thread", "stuck", "--wait", "1") as operator:
        operator.wait_for("Stop another one")
        assert "stuck is blocked" in operator.shown and "worker-1" in operator.shown
        assert leave(operator) == 130


@on_interpreters(*SPREAD)
def test_a_main_thread_that_sleeps(interpreter: Interpreter) -> None:
    """A main thread in a system call is stopped in it, again and again, and the call goes on; requests are served."""
    with debugged.threaded(interpreter.path, "sleeping") as server:
        with scenario(server) as operator:
            wait_for_stop(operator, "asleep", THREADED)
            server.assert_serving()
            assert operator.ask("p server.server_port") == str(server.port)
            operator.send("c")
            operator.wait_for("Resumed")
            operator.interrupt()
            wait_for_stop(operator, "asleep", THREADED)
            operator.send("q")
            wait_until_detached(operator)
        assert server.target.is_running()


@on_interpreters(*FEW)
def test_a_main_thread_that_uses_signals(interpreter: Interpreter) -> None:
    """A program that handles the signals that would wake it is left alone: none of them comes."""
    with debugged.threaded(interpreter.path, "sleeping", "urgent") as server:
        with scenario(server) as operator:
            operator.wait_for("Stop another one")
            assert "MainThread is blocked" in operator.shown
            assert leave(operator) == 130
        assert " came" not in server.target.stderr


@on_interpreters(*SPREAD)
def test_functions(interpreter: Interpreter, server: Debugged) -> None:
    """--function stops at the first statement, in a class and in a module that is imported later as well."""
    places = (
        ("shop:price_of", "/price/10", "first of price"),
        ("shop:Basket.add", "/basket/tea", "method"),
        ("shop_later:twice", "/later/4", "late"),
    )
    with scenario(server, *(word for name, _, _ in places for word in ("--function", name))) as operator:
        wait_until_armed(operator)
        for name, path, mark in places:
            with server.asked(path) as answer:
                wait_for_stop(operator, mark, PROGRAMS / f"{name.partition(':')[0]}.py")
                operator.send("c")
                assert answer.result(30).status == 200
        leave(operator)


@on_interpreters(*SPREAD)
def test_lines_in_all_kinds_of_code(server: Debugged) -> None:
    """A breakpoint finds a method, and a closure that does not exist yet; it stays armed."""
    with scenario(server, "--break", at("method"), "--break", at("closure")) as operator:
        wait_until_armed(operator)
        for _ in range(2):
            with server.asked("/basket/tea") as answer:
                wait_for_stop(operator, "method")
                operator.send("c")
                wait_for_stop(operator, "closure")
                operator.send("c")
                assert answer.result(30) == Response(200, "1")
        leave(operator)


@on_interpreters(*SPREAD)
def test_a_condition(server: Debugged) -> None:
    """--if stops only where it is true, for the operator's variables and the program's."""
    with scenario(server, "--break", at("loop"), "--if", "number == 7 and total > 20") as operator:
        wait_until_armed(operator)
        with server.asked("/sum/10") as answer:
            wait_for_stop(operator, "loop")
            assert operator.ask("p number, total") == "(7, 21)"
            operator.send("c")
            assert answer.result(30) == Response(200, "45")
        leave(operator)


@on_interpreters(*SPREAD)
def test_a_condition_that_fails(server: Debugged) -> None:
    """An error in a condition counts as false, is told once, and never reaches the request."""
    with scenario(server, "--break", at("loop"), "--if", "nothing > 3") as operator:
        wait_until_armed(operator)
        assert server.get("/sum/10") == Response(200, "45")
        operator.wait_for("NameError")
        assert server.get("/sum/10") == Response(200, "45")
        leave(operator)
        assert operator.shown.count("NameError") == 1


@on_interpreters(*SPREAD)
def test_a_step_to_a_breakpoint(server: Debugged) -> None:
    """A step that ends at a breakpoint stops there once; `continue` goes to the next visit."""
    with scenario(server, "--break", at("loop")) as operator:
        wait_until_armed(operator)
        with server.asked("/sum/10") as answer:
            wait_for_stop(operator, "loop")
            operator.ask("next")
            assert_at(operator.ask("next"), "loop")
            assert operator.ask("p number") == "1"
            assert_at(operator.ask("c"), "loop")
            assert operator.ask("p number") == "2"
            operator.send("q")
            assert answer.result(30) == Response(200, "45")
        wait_until_detached(operator)


@on_interpreters(*SPREAD)
def test_a_variable_of_a_caller(server: Debugged) -> None:
    """A variable that is changed before any step, and one of a caller, are changed in the program."""
    with scenario(server, "--break", at("last of discount")) as operator:
        wait_until_armed(operator)
        with server.asked("/price/10") as answer:
            wait_for_stop(operator, "last of discount")
            assert operator.ask("rate = 50") == ""
            assert_at(operator.ask("up"), "call")
            assert operator.ask("amount = 1000") == ""
            operator.send("c")
            assert answer.result(30) == Response(200, "965")
        leave(operator)


@on_interpreters(*SPREAD)
def test_hits_and_once(server: Debugged) -> None:
    """--hits N stops at the N-th visit, --once never again."""
    with scenario(server, "--break", at("loop"), "--hits", "4", "--once") as operator:
        wait_until_armed(operator)
        with server.asked("/sum/10") as answer:
            wait_for_stop(operator, "loop")
            assert operator.ask("p number") == "3"
            operator.send("c")
            assert answer.result(30) == Response(200, "45")
        assert server.get("/sum/10") == Response(200, "45")
        leave(operator)


@on_interpreters("3.8", "3.12", "3.15")
def test_exceptions(server: Debugged) -> None:
    """--on-exception TYPE stops in the frame that raises, with the exception at hand; it takes its way then."""
    with scenario(server, "--on-exception", "KeyError") as operator:
        wait_until_armed(operator)
        with server.asked("/order/gold") as answer:
            wait_for_stop(operator, "raises first")
            assert operator.ask("p name") == "'gold'"
            assert "KeyError: 'gold'" in operator.shown
            server.assert_serving()
            operator.send("c")
            assert answer.result(30) == Response(500, "failed: no gold")
        leave(operator)


@on_interpreters("3.8", "3.13", "3.15")
def test_a_chain_of_exceptions(server: Debugged) -> None:
    """`exceptions` walks from an exception to its cause."""
    with scenario(server, "--on-exception", "OrderFailed") as operator:
        wait_until_armed(operator)
        with server.asked("/order/gold") as answer:
            wait_for_stop(operator, "raises")
            shown = operator.ask("exceptions")
            assert "KeyError" in shown and "OrderFailed" in shown
            assert_at(operator.ask("exceptions 0"), "raises first")
            assert operator.ask("p name") == "'gold'"
            operator.send("q")
            assert answer.result(30) == Response(500, "failed: no gold")
        wait_until_detached(operator)


@on_interpreters(*SPREAD)
def test_logpoints(server: Debugged) -> None:
    """--log shows its text at each visit and stops nothing; --max-hits bounds it."""
    log = "number is {number}, total {total:03d}"
    with scenario(server, "--break", at("loop"), "--log", log, "--max-hits", "3", "--rate", "1000/s") as operator:
        wait_until_armed(operator)
        assert server.get("/sum/10") == Response(200, "45")
        operator.wait_for("number is 2, total 001")
        assert server.get("/sum/10") == Response(200, "45")
        leave(operator)
        assert operator.shown.count("number is") == 3


@on_interpreters(*SPREAD)
def test_breakpoint_and_set_trace(server: Debugged) -> None:
    """The program's own breakpoint() and pdb.set_trace() join a session that is open."""
    with scenario(server, "--break", at("amount")) as operator:
        wait_until_armed(operator)
        for path, mark, text in (("/asks/", "breakpoint", "1"), ("/asks_pdb/", "set_trace", "2")):
            with server.asked(path) as answer:
                shown = operator.wait_for_prompt()
                assert "shop.py" in shown and ("asks" in shown), mark
                assert operator.ask("p answer") == text
                operator.send("c")
                assert answer.result(30) == Response(200, text)
        leave(operator)


@on_interpreters("3.8", "3.12", "3.15")
def test_output(server: Debugged) -> None:
    """The stopped thread's output goes to the operator alone while he evaluates, to both while he steps; no other's."""
    with scenario(server, "--break", at("announce")) as operator:
        wait_until_armed(operator)
        with server.asked("/announce/31") as answer:
            wait_for_stop(operator, "announce")
            assert operator.ask("print('for the operator')") == "for the operator"
            assert "announced 31" in operator.ask("next")
            assert "warned 31" in operator.ask("next")
            server.vitals.assert_beating()
            operator.send("c")
            assert answer.result(30) == Response(200, "31")
        leave(operator)
        assert "heartbeat" not in operator.shown
        assert "logged" not in operator.shown
    assert "announced 31" in server.target.stdout
    assert "warned 31" in server.target.stderr
    assert "for the operator" not in server.target.stdout + server.target.stderr
    lines = [text for text in server.target.stdout.splitlines() if text.startswith("heartbeat")]
    assert lines == [f"heartbeat {number}" for number in range(len(lines))]


@on_interpreters("3.8", "3.11", "3.12", "3.15")
def test_interrupts(server: Debugged) -> None:
    """Ctrl-C ends an evaluation, stops a thread that runs again, and disarms what waits; SIGINT never comes."""
    with scenario(server, "--break", at("loop"), "--once") as operator:
        wait_until_armed(operator)
        with server.asked("/sum/10") as answer:
            wait_for_stop(operator, "loop")
            operator.send("print('be' + 'gun') or any(False for _ in iter(int, 1))")
            operator.wait_for("begun")
            server.vitals.assert_beating()
            operator.interrupt()
            assert "KeyboardInterrupt" in operator.wait_for_prompt()
            assert operator.ask("p number") == "0"
            operator.send("c")
            assert answer.result(30) == Response(200, "45")
        leave(operator)
    with scenario(server, "--break", at("after loop")) as operator:
        wait_until_armed(operator)
        assert leave(operator) == 130
        assert server.get("/sum/10") == Response(200, "45")
    assert "SIGINT came" not in server.target.stderr


@on_interpreters(*SPREAD)
def test_an_interrupt_stops_again(server: Debugged) -> None:
    """Ctrl-C while the main thread runs stops it again at its next line."""
    with scenario(server) as operator:
        operator.wait_for_prompt()
        operator.send("c")
        operator.wait_for("Resumed")
        operator.interrupt()
        assert "threaded_server.py" in operator.wait_for_prompt()
        operator.send("q")
        wait_until_detached(operator)
    assert "SIGINT came" not in server.target.stderr
