"""Files as operators type them: argv is a folder for what is written."""

import importlib
import os
import sys
import types

from selfbreak import SelfBreak, refusal, report

BODY = "def total(n):\n    '''A docstring.'''\n    answer = n + 1\n    return answer\n\n\ndef other():\n    return 0\n"


def write(path, text=BODY):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


folder = sys.argv[1]
os.chdir(folder)
for name in ("shop/views.py", "cart/views.py", "shop/models.py", "late/orders.py", "real/linked.py"):
    write(os.path.join(folder, name))
os.symlink(os.path.join(folder, "real"), os.path.join(folder, "through"))
sys.path[:0] = [folder, os.path.join(folder, "through")]
import cart.views  # noqa: F401
import linked
import shop.models
import shop.views

relative = types.ModuleType("relative")
exec(compile(BODY, "shop/relative.py", "exec"), relative.__dict__)
write(os.path.join(folder, "shop/relative.py"))
made = types.ModuleType("made")
exec(compile(BODY, "<made>", "exec"), made.__dict__)

breaks = SelfBreak()


def tried(name, call, line=3):
    """How many code objects, and how often it stops."""
    count = breaks.arm(name, line)
    call(1)
    hits = breaks.take()
    breaks.disarm(name, line)
    call(1)
    return [count, len(hits), len(breaks.take())]


found = {
    "absolute": tried(shop.views.__file__, shop.views.total),
    "of the folder": tried("shop/models.py", shop.models.total),
    "end": tried("models.py", shop.models.total),
    "through a link": tried(os.path.join(folder, "real/linked.py"), linked.total),
    "as a link": tried(os.path.join(folder, "through/linked.py"), linked.total),
    "relative code": tried(os.path.join(folder, "shop/relative.py"), relative.total),
    "no file": tried("<made>", made.total),
}
os.chdir("/")
found["end after chdir"] = tried("shop/views.py", shop.views.total)
refused = {
    "ambiguous": refusal(breaks.arm, "views.py", 3),
    "unknown": refusal(breaks.arm, "shop/vews.py", 3),
    "no code": refusal(breaks.arm, "shop/views.py", 6),
    "docstring": refusal(breaks.arm, "shop/views.py", 2),
    "definition": refusal(breaks.arm, "shop/views.py", 1),
}
place = breaks.place("models.py", 3)
body = breaks.first_line("models.py", 1)

# what comes later
waits = breaks.arm("late/orders.py", 3)
orders = importlib.import_module("late.orders")
orders.total(1)
imported = breaks.take()
importlib.reload(orders)
orders.total(1)
reloaded = breaks.take()
old = orders.total
exec(compile(BODY.replace("total", "again"), orders.__file__, "exec"), orders.__dict__)
orders.again(1)
executed = breaks.take()
breaks.close()
orders.total(1)
report(
    found=found,
    refused=refused,
    place=place,
    body=body,
    waits=waits,
    imported=imported,
    reloaded=reloaded,
    executed=executed,
    after=breaks.take(),
)
