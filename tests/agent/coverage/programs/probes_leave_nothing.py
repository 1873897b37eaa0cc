"""Has functions of many kinds, and looks at them while they have probes and after that."""

import gc
import marshal
import pickle
import sys
import threading

from selfattach import SelfAttach, report, wait_until

finished = False
made = []


def plain(value):
    if value:
        return value + 1
    return None


def with_nested(value):
    def nested():
        return value

    return nested


def shared(value):
    return value * 2


same_code = type(shared)(shared.__code__, globals(), "same_code")


class Thing:
    @staticmethod
    def static():
        return 1

    @property
    def attribute(self):
        return 2


def old_frame():
    """Runs all the time, and makes functions that others call."""
    while not finished:
        if not made:

            def inner():
                return "inner"

            made.append(inner)


def replaced():
    return "before"


def other():
    return "after"


def copied():
    return "copy"


def functions():
    found = [item for item in gc.get_objects() if type(item) is type(plain)]
    return [item for item in found if item.__code__.co_filename == __file__]


def codes():
    """Each function's code, and the constants of each, by identity."""
    found = {}
    for function in functions():
        code = function.__code__
        found[function.__qualname__] = (id(code), [id(item) for item in code.co_consts], code.co_stacksize)
    return found


def tracked():
    """How many tuples of constants of code with probes the collector looks at."""
    gc.collect()
    return sum(gc.is_tracked(function.__code__.co_consts) for function in functions())


def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


thread = threading.Thread(target=old_frame)
thread.start()
wait_until(lambda: made)
made[0]()
before = codes()
old_code = old_frame.__code__
other_code = other.__code__
hashes = {function.__qualname__: hash(function.__code__) for function in functions()}

importing = sys.modules["_frozen_importlib"]._call_with_frames_removed
import_code = importing.__code__

attach = SelfAttach()
attach.start()
during = codes()
core = attach.status()["core"]
plain(1)
probed = plain.__code__
kept = probed.co_name, probed.co_filename, probed.co_firstlineno, probed.co_varnames
hashable = len({function.__code__: 1 for function in functions()}) > 5
window = next(item for item in probed.co_consts if type(item).__name__ == "Window")
pickled = type(pickle.loads(pickle.dumps(window))).__name__
try:
    marshalled = bool(marshal.loads(marshal.dumps(probed)))
except ValueError:
    marshalled = False
del made[:]
wait_until(lambda: made)
from_old_frame = made[0]
in_thread(from_old_frame)  # a thread that nothing traces
closure = with_nested(3)
replaced.__code__ = other_code
copy = type(plain)(copied.__code__.replace(co_name="copy"), globals())
del window
objects = tracked()
lines = attach.lines_of(__file__)
attach.stop()

after = codes()
in_thread(copy)  # its probes still write, to nothing
gc.collect()
in_thread(copy)
finished = True
thread.join()
left = [
    function.__qualname__
    for function in functions()
    if any(type(item).__name__ == "Window" for item in function.__code__.co_consts) and function is not copy
]
report(
    core=core,
    changed=[name for name in before if name in during and before[name][0] != during[name][0]],
    different=[name for name in before if name in after and before[name] != after[name] and name not in ("replaced", "copied")],
    replaced=replaced.__code__ is other_code and replaced() == "after",
    kept=kept == ("plain", __file__, plain.__code__.co_firstlineno, ("value",)),
    hashable=hashable,
    hashes=[name for name, function in (("plain", plain), ("old_frame", old_frame)) if hashes[name] != hash(function.__code__)],
    pickled=pickled,
    marshalled=marshalled,
    closure=closure() == 3 and from_old_frame() == "inner",
    inner=from_old_frame.__code__.co_firstlineno + 1 in lines,
    left=left,
    objects=objects,
    old_frame=old_frame.__code__ is old_code,
    hook=importing.__code__ is import_code,
)
