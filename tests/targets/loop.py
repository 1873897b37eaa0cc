"""A program that never ends: `while True` in the main thread and in two worker threads, all begun before the attach.

`ready` is printed once everything runs, then `cycle N` after each cycle, in which each line marked `ran` runs once
at least. The marks: tests/support/marks.py.
"""

import threading  # before
import time  # before

WORKERS = 2  # before
barrier = threading.Barrier(WORKERS + 1)  # before


def collatz(n):  # before
    steps = 0  # ran
    while n != 1:  # ran
        if n % 2:  # ran
            n = 3 * n + 1  # ran
        else:
            n //= 2  # ran
        steps += 1  # ran
    return steps  # ran


def grade(n):  # before
    if n < 0:  # ran
        return "negative"  # not
    if n > 5:  # ran
        return "large"  # ran
    return "small"  # ran


def divide(n, by):  # before
    try:  # perhaps
        result = n // by  # ran
    except ZeroDivisionError:  # ran
        result = 0  # ran
    return result  # ran


def never_called(n):  # before
    return n + 1  # not


def work(number):  # before
    total = 0  # before
    barrier.wait()  # before
    while True:  # perhaps
        for n in range(1, 4):  # ran
            total += collatz(n + number)  # ran
        if total < 0:  # ran
            never_called(total)  # not
        barrier.wait()  # ran


def main():  # before
    for number in range(WORKERS):  # before
        threading.Thread(target=work, args=(number,), name="worker", daemon=True).start()  # before
    cycle = 0  # before
    barrier.wait()  # before
    print("ready", flush=True)  # before
    while True:  # perhaps
        grades = [grade(n) for n in (1, 9)]  # ran
        quotients = [divide(1, by) for by in (0, 1)]  # ran
        barrier.wait()  # ran
        if grades == quotients:  # ran
            break  # not
        cycle += 1  # ran
        print("cycle", cycle, flush=True)  # ran
        time.sleep(0.005)  # ran


if __name__ == "__main__":  # before
    main()  # before
