"""return, break and continue in finally, of which 3.14 warns."""


def returned(n):
    try:
        if n:
            raise ValueError(n)
        return 1
    finally:
        return 2


def broken(n):
    while True:
        try:
            n += 1
            if n == 2:
                raise ValueError
        finally:
            if n == 3:
                break
            continue
    return n


def broken_only(n):
    for i in range(n):
        try:
            raise ValueError
        finally:
            break
    else:
        return 0
    return n


def nested(n):
    try:
        try:
            return 1
        finally:
            return 2
    finally:
        if n:
            return 3


def main():
    returned(0)
    returned(1)
    broken(0)
    broken_only(1)
    nested(1)
    nested(0)
