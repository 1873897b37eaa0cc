"""A greenlet loops in the middle of a function, over lines that ran before a snapshot has forgotten them."""

import greenlet
from selfattach import SelfAttach, report


def deeper(value):
    return main.switch(value)


def body(value):
    while True:
        value = deeper(value)
        value += 1  # ran


main = greenlet.getcurrent()
first = greenlet.greenlet(body)
attach = SelfAttach()
attach.start()
first.switch(1)
first.switch(1)
first.switch(1)
before = attach.snapshot(reset=True)[__file__]
first.switch(1)
after = attach.snapshot(reset=True)[__file__]
report(before=before, after=after)
