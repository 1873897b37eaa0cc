"""Logpoints and conditions, evaluated in a frame of this program."""

import sys

from selfbreak import refusal, report

from attach_agent.debugger.breakpoints.conditions import Conditions
from attach_agent.debugger.breakpoints.logpoints import LONGEST, Logpoint

shown = []
sys.displayhook = shown.append
real, sys.stdout = sys.stdout, None


class Awkward:
    def __repr__(self):
        raise RuntimeError("no repr")

    def __str__(self):
        return "awkward"


class Worse(Exception):
    def __str__(self):
        raise KeyError("no str")


def worse():
    raise Worse


def frame_of(name, number, table, long):
    return sys._getframe()


frame = frame_of("shop", 7, {"a:b": {"c": 1}}, list(range(1_000_000)))
frame.f_globals["awkward"] = Awkward()
TEXTS = [
    "plain",
    "{name}",
    "n={number!r:>5}|",
    "{{{number}}}",
    "{number + 1} {name!r} {name!s:<6}| {name!a}",
    "{table['a:b']['c']}",
    "{number != 7} {number == 7}",
    "{number:>{number}}",
    "{ {'x': number}['x'] }",
    "{[n for n in (1, 2)]}",
    "{name[::-1]}",
    "{(lambda: 3)()}",
    "{awkward} {awkward!s}",
]
texts = {text: Logpoint(text).line(frame) for text in TEXTS}
failing = Logpoint("{nothing} {awkward!r} {worse()}")
failures = [failing.line(frame), failing.line(frame)]
long = Logpoint("{long}").line(frame)
many = Logpoint("{'x' * 100_000_000:>10}").line(frame)
counted = Logpoint("{number}", max_hits=3)
hits = [counted.line(frame) for _ in range(5)]
slow = Logpoint("{number}", rate=2.0)
rated = [slow.line(frame) for _ in range(100)]
BAD = ["{number", "number}", "{}", "{ }", "{number!x}", "{number +}", "{number:{number:{number}}}", "{import os}"]
refused = {text: refusal(Logpoint, text) for text in BAD}

notes = []
conditions = Conditions(notes.append)
EXPRESSIONS = ["number == 7", "number > 7", " name ", "nothing", "nothing", "number.x", "worse()", "1 +", "awkward"]
answers = [conditions.evaluate(expression, frame) for expression in EXPRESSIONS]
sys.stdout = real
report(
    texts=texts,
    failures=failures,
    long=[len(long), long[:10], long[-3:]],
    many=len(many) <= LONGEST,
    hits=hits,
    done=counted.is_done,
    rated=[sum(text is not None for text in rated), slow.left_out],
    refused=refused,
    answers=answers,
    notes=notes,
    shown=shown,
)
