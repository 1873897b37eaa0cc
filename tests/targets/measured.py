"""Runs each function once, when the file that its argument names has its name in a line, and tells when it has."""

import sys
import time


def inner(number):
    result = number + 1
    return result


def generate(count):
    for number in range(count):
        yield number
    number = None


def stopped(count):
    total = 0
    total += inner(total)
    for number in generate(count):
        total += number
    if total > 100:
        total = 100
    for _ in range(count):
        total += 1
    total += late(total)
    return total


def late(number):
    doubled = number * 2
    if doubled < 0:
        doubled = 0
    return doubled


def evaluated(number):
    halved = number / 2
    if halved < 1:
        halved = 1
    return halved


def caught():
    try:
        raise KeyError("caught")
    except KeyError as error:
        name = repr(error)
    return name


def after(count):
    found = []
    for number in generate(count):
        if number % 2:
            found.append(late(number))
    found.append(caught())
    return found


def again(count):
    found = after(count)
    return found


def asks(number):
    before = number + 1
    breakpoint()
    behind = before + 1
    return behind


def wait(path):
    done = 0
    while True:
        with open(path) as file:
            names = file.read().split()
        for name in names[done:]:
            if name == "end":
                return
            globals()[name](3)
            done += 1
            print("did %d" % done, flush=True)
        time.sleep(0.01)


if __name__ == "__main__":
    print("ready", flush=True)
    wait(sys.argv[1])
    print("over", flush=True)
