"""Does attaching harm? Programs under load, attached to over and over, killed operators, and other tools beside.

    python -m tests.stress [VERSION...] [--attaches N] [--loads LOAD...] [--kills N] [--interrupts N]
        [--others N]

Prints Markdown for docs/benchmarks.md. The exit status is 1 if a program was harmed, or if an attach failed for which
no other operator is to blame. It ends by itself: every attach, program and tool has its time.
"""

import argparse
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.debug.faults import race_interrupts
from tests.stress import others
from tests.stress.attaching import BY_ANOTHER, Attaches, Cell, shown, stress
from tests.stress.kills import Kills, kill_at_random
from tests.stress.loaded import LOADS, Phase
from tests.support.interpreters import MINORS, Interpreter, find_interpreter

TWO_OPERATORS = ("memory", "echo")
KILLED = ("memory", "raw", "aio", "forks")
#: A deadline may be missed by so many ms more than in the same program left alone.
LATE = 5.0


def line(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def head(*cells: str) -> None:
    line(*cells)
    line(*("---" for _ in cells))


def row(cell: Cell, operators: int) -> None:
    alone, attached = cell.verdict.lateness(Phase.ALONE), cell.verdict.lateness(Phase.ATTACHED)
    line(
        cell.load + (", two operators" if operators > 1 else ""),
        cell.attaches.number,
        ", ".join(f"{number} {slug}" for slug, number in cell.attaches.failures.items()) or "none",
        ", ".join(f"{number} {name or 'met another'}" for name, number in cell.attaches.methods.items()),
        shown(cell.attaches.answered),
        shown(cell.attaches.left),
        f"{alone.at(0.99):.1f} / {alone.most:.1f}",
        f"{attached.at(0.99):.1f} / {attached.most:.1f}",
        f"{cell.verdict.machine.at(0.99):.1f} / {cell.verdict.machine.most:.1f}",
        f"{attached.above(alone.most + LATE)} of {attached.tenths.total()}",
        "; ".join(cell.harm) or "none",
    )


def ours(interpreter: Interpreter, loads: Iterable[str], count: int, seconds: float) -> tuple[Attaches, bool]:
    """The table of one version. Gives all its attaches, and whether all was well."""
    print(f"\n### CPython {interpreter.release}\n")
    head(
        *("load", "attaches", "failures", "way in", "first answer: median / slowest, ms", "all: median / slowest, ms"),
        *("late, left alone: 99 % / most, ms", "late, attached to: 99 % / most, ms", "a witness meanwhile, ms"),
        *(f"later than alone + {LATE:g} ms", "harm"),
    )
    total, well = Attaches(), True
    loads = list(loads)
    for operators, which in ((1, loads), (2, [load for load in TWO_OPERATORS if load in loads])):
        for load in which:
            cell = stress(interpreter.path, load, count, seconds, operators=operators)
            row(cell, operators)
            total.add(cell.attaches)
            allowed = BY_ANOTHER if operators > 1 else frozenset()
            failed = {slug: text for slug, text in cell.attaches.messages.items() if slug not in allowed}
            for slug, text in failed.items():
                print(f"[{slug}] {text}", file=sys.stderr)
            well = well and not cell.harm and not failed
    return total, well


def killed(interpreters: Iterable[Interpreter], count: int) -> bool:
    """The table of killed operators: `count` of the library, a fifth of that of the whole command, for each load."""
    print("\n## Killed operators\n")
    head(
        *("target", "killed", "load", "operators", "agent was in", "left a mapping", "left a script"),
        *("EINTR in C code", "harm"),
    )
    well = True
    for interpreter in interpreters:
        for command, number in ((False, count), (True, -(-count // 5))):
            for load in KILLED:
                kills: Kills = kill_at_random(interpreter.path, load, number, command=command)
                interrupted, harm = kills.findings()
                how = "the whole command" if command else "while attaching"
                left = kills.left["mapping"], kills.left["script"]
                line(
                    *(interpreter, how, load, kills.number, kills.attached, *left),
                    *("; ".join(interrupted) or "never", "; ".join(harm) or "none"),
                )
                well = well and not harm
    return well


def interrupted(interpreters: Iterable[Interpreter], count: int) -> bool:
    """The table of interrupts that race with pdb's `continue`."""
    print("\n## Interrupts of a debugger's operator, ten for each `continue`\n")
    head("target", "interrupts", "harm")
    well = True
    for interpreter in interpreters:
        harm = "none"
        try:
            race_interrupts(interpreter.path, count // 10)
        except AssertionError as error:
            harm, well = " ".join(str(error).split()), False
        line(interpreter, count, harm)
    return well


def beside(interpreters: Iterable[Interpreter], count: int) -> None:
    """The table of the other tools, each with `count` targets for each load."""
    print("\n## Other tools under the same loads\n")
    head("target", "tool", "load", "came of it", "median, ms", "targets harmed")
    for interpreter in interpreters:
        for tool, python in others.usable(interpreter):
            for load in others.LOADS:
                with tempfile.TemporaryDirectory(prefix="live-attach-stress-") as folder:
                    tries = others.try_tool(tool, python, load, count, Path(folder))
                line(interpreter, tool.name, load, tries)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("versions", nargs="*", help="as 3.12; all that are here by default")
    parser.add_argument("--loads", nargs="*", choices=LOADS, default=LOADS, metavar="LOAD", help=", ".join(LOADS))
    parser.add_argument("--attaches", type=int, default=100, help="for each version and load")
    parser.add_argument("--seconds", type=float, default=3, help="at most, for the attaches of one version and load")
    parser.add_argument("--kills", type=int, default=5, help="for each version and load; 0: none")
    parser.add_argument("--interrupts", type=int, default=10_000, help="for each version; 0: none")
    parser.add_argument("--others", type=int, default=0, help="targets for each tool, version and load; 0: none")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)  # so that what runs is ended as on Ctrl-C
    found = [interpreter for interpreter in map(find_interpreter, options.versions or MINORS) if interpreter]
    begin = time.monotonic()
    print(f"Operator: CPython {platform.python_version()}; Linux {platform.release()}, {platform.machine()}")
    well, sums = True, []
    if options.attaches:
        for interpreter in found:
            attaches, fine = ours(interpreter, options.loads, options.attaches, options.seconds)
            sums.append((interpreter, attaches))
            well = well and fine
        print("\n### All\n")
        head("target", "attaches", "failures", "first answer: median / slowest, ms", "all: median / slowest, ms")
        for interpreter, all_of_it in sums:
            failures = ", ".join(f"{number} {slug}" for slug, number in all_of_it.failures.items()) or "none"
            line(interpreter, all_of_it.number, failures, shown(all_of_it.answered), shown(all_of_it.left))
    if options.kills:
        well = killed(found, options.kills) and well
    if options.interrupts:
        well = interrupted(found, options.interrupts) and well
    if options.others:
        beside(found, options.others)
    print(f"\n{(time.monotonic() - begin) / 60:.0f} minutes. {'No harm.' if well else 'HARM: see above.'}")
    return 0 if well else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
