"""Runs `work` under coverage.py (with the argument `coverage`) or under us; tells the lines of its files."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def under_coverage():
    import coverage

    measure = coverage.Coverage(data_file=None, config_file=False, source=[HERE])
    measure.start()
    import work

    work.main()
    measure.stop()
    data = measure.get_data()
    return {name: data.lines(name) for name in data.measured_files()}


def under_attach():
    from selfattach import SelfAttach

    attach = SelfAttach()
    attach.start()
    import work

    work.main()
    attach.stop()
    return attach.lines()


found = under_coverage() if "coverage" in sys.argv else under_attach()
wanted = ("work.py", "work_helper.py", "made.py")
lines = {os.path.basename(name): sorted(numbers) for name, numbers in found.items()}
json.dump({name: lines[name] for name in wanted}, sys.stdout)
