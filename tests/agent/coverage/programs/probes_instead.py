"""Cannot be given probes: objects are hidden from the collector, or something reads bytecode."""

import gc
import sys
import types

from selfattach import SelfAttach, refusal, report


def work():
    return 1


def started():
    attach = SelfAttach()
    attach.start()
    work()
    status = attach.status()
    measured = work.__code__.co_firstlineno + 1 in attach.lines_of(__file__)
    attach.stop()
    return status["core"], status.get("instead_of_probes"), measured


gc.freeze()
frozen = started()
gc.unfreeze()
sys.modules["numba"] = types.ModuleType("numba")
reader = started()
del sys.modules["numba"]
branches = refusal(lambda: SelfAttach().start(branch=True))
report(frozen=frozen, reader=reader, branches=branches, plain=started())
