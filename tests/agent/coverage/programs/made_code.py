"""Makes code objects without end; they must be freed as before."""

import gc
import weakref

from selfattach import SelfAttach, report

attach = SelfAttach()
attach.start(source_dirs=("/in/scope",))
alive = weakref.WeakValueDictionary()
for number in range(25_000):
    code = compile("x = 1", "/in/scope/same.py" if number % 2 else "/elsewhere/same.py", "exec")
    exec(code, {})
del code
gc.collect()
collector = attach.coverage._collector
watched = len(collector._watched)
dead = sum(1 for known in collector._watched.values() if known() is None)
attach.stop()
report(watched=watched, alive=watched - dead)
