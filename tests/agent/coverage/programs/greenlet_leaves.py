"""Has suspended greenlets while it is measured, and looks at them and at greenlet's hook afterwards."""

import sys
import threading

import greenlet
from selfattach import SelfAttach, report, wait_until

STEPS = 3


def body():
    while True:
        main.switch(True)


def waits():
    """A thread that has switched, and then sleeps until the end."""
    greenlet.greenlet(len).switch("")
    hooks.append(greenlet.gettrace())
    slept.acquire()
    greenlet.greenlet(len).switch("")
    hooks.append(greenlet.gettrace())


def frames(suspended):
    frame = suspended.gr_frame
    while frame is not None:
        yield frame
        frame = frame.f_back


def theirs(event, args):
    seen.append(event)


seen, hooks = [], []
main = greenlet.getcurrent()
slept = threading.Lock()
slept.acquire()
greenlets = [greenlet.greenlet(body) for _ in range(STEPS)]
greenlet.settrace(theirs)
attach = SelfAttach()
attach.start()
during = [one.switch() for one in greenlets]
thread = threading.Thread(target=waits, daemon=True)
thread.start()
wait_until(lambda: hooks)
attach.stop(discard=True)
traced = [frame.f_trace for one in greenlets for frame in frames(one) if frame.f_trace is not None]
before = len(seen)
after = [one.switch() for one in greenlets]
hook = greenlet.gettrace() is theirs
told = len(seen) - before
slept.release()
thread.join()
# a second time, and the program sets a hook of its own meanwhile, and one that fails
attach.start()
greenlet.settrace(theirs)
lost = [one.switch() for one in greenlets] and len(attach.lines_of(__file__)) > 1


def failing(event, args):
    raise KeyError


greenlet.settrace(failing)
try:
    greenlets[0].switch()
except KeyError:
    pass
again = [one.switch() for one in greenlets[1:]]
attach.stop()
for one in greenlets[1:]:
    one.switch()
# measured often while the thread does not switch
for _ in range(3):
    attach.start()
    wait_until(lambda: attach.lines_of(__file__))
    attach.stop(discard=True)
greenlet.greenlet(len).switch("")
report(
    during=during,
    traced=[str(item) for item in traced],
    after=after,
    hook=hook,
    told=told,
    lost=lost,
    again=again,
    thread=[str(item) for item in hooks[1:]],
    end=str(greenlet.gettrace()),
    trace=str(sys.gettrace()),
)
