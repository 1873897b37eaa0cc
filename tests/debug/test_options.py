"""The options of ``attach PID debug``: what they make, and what makes no sense."""

import click
import pytest

from attach.debugging import Break, Options
from attach_cli.commands import debug
from tests.support.command import assert_explained, attach

NOBODY = 1 << 22  # proc(5): no process has this number, the largest one is below


def parsed(*words: str) -> Options:
    """What a command line asks the process for."""
    context = debug.command.make_context("debug", list(words))
    given = {name: value for name, value in context.params.items() if name not in ("as_json", "resets", "shows_status")}
    return debug.options_of(context, **given)


def test_what_belongs_to_a_breakpoint() -> None:
    """--if, --hits and --once are for the --break before them, and for no other."""
    options = parsed(
        *("--break", "a.py:1", "--break", "b.py:22", "--hits", "3", "--if", "x > 1", "--once"),
        *("-c", "p x", "--break", "dir:with:colons/c.py:7", "--if", "--once", "-c", "c"),
    )
    assert options.breaks == (
        Break("a.py", 1),
        Break("b.py", 22, "x > 1", 3, True),
        Break("dir:with:colons/c.py", 7, "--once", 0, False),
    )
    assert options.commands == ("p x", "c")


def test_defaults() -> None:
    """A thread is waited for for half a minute, what is armed without a limit; no stop is without one."""
    plain = parsed()
    assert (plain.thread, plain.wait, plain.stop_timeout, plain.idle_timeout) == ("", 30.0, 60.0, 300.0)
    for words in (("--break", "a.py:1"), ("--function", "a:b"), ("--on-exception", "KeyError")):
        assert parsed(*words).wait == 0.0
        assert parsed(*words, "--wait", "5").wait == 5.0
    assert parsed("--stop-timeout", "0").stop_timeout == 0.0


@pytest.mark.parametrize(
    ("words", "exception"),
    [((), ""), (("--on-exception",), "*"), (("--on-exception", "ValueError"), "ValueError"),
     (("--on-exception", "-c", "w"), "*")],
)  # fmt: skip
def test_exception(words: tuple[str, ...], exception: str) -> None:
    """--on-exception takes a type, or means any."""
    assert parsed(*words).exception == exception


@pytest.mark.parametrize(("text", "rate"), [("5", 5), ("5/s", 5), ("30/min", 0.5), ("9/h", 0.0025), ("0.5/s", 0.5)])
def test_rate(text: str, rate: float) -> None:
    """A rate is a number per second, minute or hour."""
    assert parsed("--break", "a.py:1", "--log", "x", "--rate", text).rate == pytest.approx(rate)


def test_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment and the terminal of the operator decide, not the process's."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert parsed().color
    monkeypatch.setenv("NO_COLOR", "1")
    assert not parsed().color


SENSELESS = [
    (("--if", "x"), "--if comes after the --break"),
    (("--once", "--break", "a.py:1"), "--once comes after the --break"),
    (("--function", "a:b", "--hits", "2"), "--hits comes after the --break"),
    (("--break", "a.py:1", "--if", "x", "--if", "y"), "--if is there twice"),
    (("--break", "a.py:1", "--once", "--once"), "--once is there twice"),
    (("--break", "a.py"), "FILE:LINE"),
    (("--break", ":3"), "FILE:LINE"),
    (("--break", "a.py:0"), "FILE:LINE"),
    (("--break", "a.py:x"), "FILE:LINE"),
    (("--break", "a.py:1", "--hits", "0"), "--hits"),
    (("--function", "spend"), "MODULE:NAME"),
    (("--function", "shop:"), "MODULE:NAME"),
    (("--pdbcls", "pudb"), "MODULE:CLASS"),
    (("--log", "x"), "--log prints where something would stop"),
    (("--log", "x", "--on-exception"), "not for --on-exception"),
    (("--log", "x", "--break", "a.py:1", "-c", "w"), "--log never stops"),
    (("--max-hits", "3", "--break", "a.py:1"), "--max-hits is for --log"),
    (("--rate", "3/s"), "--rate is for --log"),
    (("--log", "x", "--break", "a.py:1", "--rate", "often"), "no rate"),
    (("--log", "x", "--break", "a.py:1", "--rate", "0/s"), "no rate"),
    (("--thread", "main", "--break", "a.py:1"), "--thread stops a thread where it is now"),
    (("--inspect", "--break", "a.py:1"), "--inspect stops nothing"),
    (("--inspect", "--wait", "3"), "--inspect stops nothing"),
    (("--wait", "-1"), "--wait"),
    (("--stop-timeout", "nan"), "--stop-timeout"),
]


@pytest.mark.parametrize(("words", "told"), SENSELESS)
def test_senseless(words: tuple[str, ...], told: str) -> None:
    """Options that cannot have an effect are refused, in words that say which."""
    with pytest.raises(click.UsageError) as caught:
        parsed(*words)
    assert told in caught.value.format_message()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--status", "--reset"), "stand alone"),
        (("--status", "--break", "a.py:1"), "stand alone"),
        (("--reset", "--json"), "stand alone"),
        (("--json",), "--json is for --status"),
        (("--if", "x"), "--if comes after"),
        (("main",), "unexpected extra argument"),
    ],
)
def test_usage(words: tuple[str, ...], told: str) -> None:
    """The command itself refuses, before it looks at the process."""
    assert_explained(attach(NOBODY, "debug", *words), 2, told)
