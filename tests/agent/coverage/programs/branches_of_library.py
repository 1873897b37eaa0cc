"""Follows each branch of modules of the standard library, as coverage.py does and as we do; nothing of them runs."""

import opcode
import os
import sys
import types

from attach_agent.coverage import branches
from coverage.bytecode import BranchArcResolver, bytes_to_lines
from coverage.parser import multiline_map_from_text
from selfattach import report

NAMES = sys.argv[1:]


def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def theirs(resolver, lines, source, destination):
    """What coverage/sysmon.py records (sysmon_branch_either)."""
    arc = resolver.resolve(source, destination)
    if arc is None:
        ends = lines.get(source), lines.get(destination)
        if None not in ends and ends[0] != ends[1]:
            return ends
    return arc


found = {}
follow = branches.Branches().trail
folder = os.path.dirname(os.__file__)
for name in NAMES:
    path = os.path.join(folder, name)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    multiline = multiline_map_from_text(text)
    found[path] = []
    for code in codes(compile(text, path, "exec")):
        lines = bytes_to_lines(code)
        resolver = BranchArcResolver(code, lines, multiline)
        for source, left, right in code.co_branches():
            for destination in (left, right):
                if destination is not None:
                    found[path].append(
                        ["%x" % follow(code, source, destination), theirs(resolver, lines, source, destination)]
                    )
numbers = [opcode.opmap[name] for name in ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT")]
leaving = [opcode.opmap[name] for name in ("RETURN_VALUE", "RETURN_GENERATOR")]
jumps = {number for number in opcode.hasjrel + opcode.hasjabs if number < 200}
ending = jumps.difference(numbers) | {opcode.opmap["RERAISE"]}
report(
    found=found,
    opcodes=[numbers[:1], numbers[1:], leaving, opcode.EXTENDED_ARG, ending],
    known=[sorted(item) if isinstance(item, tuple) else item for item in branches._OPCODES[sys.version_info[:2]]],
)
