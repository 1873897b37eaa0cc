"""Runs `work` under coverage.py (with the argument `coverage`) or under us; tells the lines, or arcs, of its files."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def under_coverage():
    import coverage

    branch = bool(json.loads(os.environ["OPTIONS"]).get("branch"))
    measure = coverage.Coverage(data_file=None, config_file=False, source=[HERE], branch=branch)
    measure.start()
    import work

    work.main()
    measure.stop()
    data = measure.get_data()
    return {name: sorted((data.arcs if branch else data.lines)(name)) for name in data.measured_files()}


def under_attach():
    from selfattach import SelfAttach

    attach = SelfAttach()
    attach.start()
    import work

    work.main()
    attach.stop()
    if attach.branch:
        return {name: packed.decode() for name, packed in attach.packed().items()}
    return {name: sorted(lines) for name, lines in attach.lines().items()}


found = under_coverage() if "coverage" in sys.argv else under_attach()
wanted = ("work.py", "work_helper.py", "made.py")
lines = {os.path.basename(name): numbers for name, numbers in found.items()}
json.dump({name: lines[name] for name in wanted}, sys.stdout)
