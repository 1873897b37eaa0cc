"""Has coverage.py installed, perhaps, and never imported. Reports whether its tracer was used."""

import sys

from selfattach import SelfAttach, report


def step():
    return None


attach = SelfAttach()
try:
    attach.start()
except Exception as error:
    slug = error.slug
else:
    slug = None
    step()
lines = attach.lines_of(__file__) if slug is None else []
if slug is None:
    attach.stop()
report(slug=slug, measured=step.__code__.co_firstlineno + 1 in lines, imported="coverage" in sys.modules)
