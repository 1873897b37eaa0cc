"""The other file of gevent_app: its lines have other numbers, so that a line in the wrong file is seen."""

ticks = 0  # before


def step(number):  # before
    time = 2  # ran
    if number % 2:  # ran
        time = 1  # ran
    return time  # ran


def tick():  # before
    global ticks
    ticks += 1  # ran
