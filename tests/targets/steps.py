"""A program that never ends: a step every hundredth of a second. It imports what is built in, and nothing else."""

import sys
import time


def step(number):
    if number % 2:
        return number
    return -number


def main():
    number = 0
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        step(number)
        number += 1
        time.sleep(0.01)


if __name__ == "__main__":
    main()
