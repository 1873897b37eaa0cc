"""Has greenlets that are suspended when it is attached to."""

import greenlet
from selfattach import SelfAttach, report


def deeper(value):  # before
    got = main.switch(value)  # perhaps
    return got + 1  # ran


def body(value):  # before
    result = deeper(value)  # before
    while result < 5:  # ran
        result += 1  # ran
    return result  # ran


def late(value):  # before
    return value * 2  # ran


main = greenlet.getcurrent()
first = greenlet.greenlet(body)
second = greenlet.greenlet(late)
assert first.switch(1) == 1
attach = SelfAttach()
attach.start()
assert second.switch(2) == 4
assert first.switch(1) == 5
report(lines=attach.lines_of(__file__))
attach.stop()
