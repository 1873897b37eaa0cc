"""Is a Python that was built without libffi."""

import sys

from selfattach import SelfAttach, refusal, report

sys.modules["_ctypes"] = None  # which makes its import fail
report(refused=refusal(SelfAttach().start))
