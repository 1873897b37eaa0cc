"""Stops and starts again, with other files in scope in between."""

from selfattach import SelfAttach, refusal, report


def twice(value):
    if value:
        return value * 2
    return None


attach = SelfAttach()
attach.start(source_pkgs=("nothing",), source_dirs=())
twice(1)  # discovered, and left out: not to be asked about any more
outside = attach.lines_of(__file__)
attach.stop(discard=True)
attach.start()  # nothing of `twice` ran since
twice(1)
inside = attach.lines_of(__file__)
running = refusal(attach.start)
attach.stop()
differ = refusal(lambda: attach.start(omit=("/nowhere/.*",)))
attach.start()
twice(0)
added = attach.lines_of(__file__)
attach.stop()
kept = attach.lines_of(__file__)
twice(1)
attach.stop(discard=True)
discarded = attach.lines_of(__file__)
attach.start()
twice(1)
again = attach.lines_of(__file__)
attach.stop()
report(
    outside=outside,
    inside=inside,
    running=running,
    differ=differ,
    added=added,
    kept=kept,
    discarded=discarded,
    again=again,
)
