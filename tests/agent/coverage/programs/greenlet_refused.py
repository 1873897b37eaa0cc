"""Has loaded greenlet, and may not be traced."""

import greenlet
from selfattach import SelfAttach, refusal, report

assert greenlet.getcurrent()
report(refused=refusal(SelfAttach().start))
