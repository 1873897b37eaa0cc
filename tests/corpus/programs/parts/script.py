"""Run as a program, by runpy."""

import sys


def main(n):
    if n:
        return 0
    return 1


if __name__ == "__main__":
    RESULT = main(1)
    if sys is None:
        sys.exit(RESULT)
