"""while and for, with break, continue, else, and conditions that are constants."""

for NUMBER in range(2):
    SQUARE = NUMBER * NUMBER
else:
    SQUARE = -1

while NUMBER:
    NUMBER -= 1

for NUMBER in (): pass


def plain(n):
    total = 0
    for i in range(n):
        total += i
    while n:
        n -= 1
    return total


def with_else(values):
    for value in values:
        if value == 1:
            continue
        if value == 2:
            break
        value += 1
    else:
        return "all"
    return "some"


def while_else(n):
    while n < 3:
        n += 1
        if n == 5:
            break
    else:
        n = -1
    while n > 0:
        if n == 4:
            break
        n -= 1
    else:
        n = -2
    return n


def forever(n):
    while True:
        n += 1
        if n > 3:
            break
    while 1:
        n += 1
        if n > 6:
            return n


def forever_with_else(n):
    while True:
        if n:
            break
        n = 1
    else:
        n = 2
    return n


def forever_until_error(values):
    iterator = iter(values)
    while True:
        next(iterator)


def never():
    while False:
        print("never")
    while 0:
        print("never")
    else:
        return 1


def nested(n):
    found = []
    for i in range(n):
        for j in range(n):
            if j > i:
                break
            if i == j:
                continue
            for k in range(2):
                if k: found.append((i, j, k))
        else:
            found.append(i)
    return found


def one_liners(n):
    for i in range(n): pass
    for i in range(n): n += i; n -= i
    while n > 0: n -= 1
    else: n = 1
    for i in [1, 2]: n += 1 if i else 2
    return n


def targets(pairs):
    holder = {}
    for a, (b, *c) in pairs:
        holder[a] = b
    for holder["key"] in range(2):
        pass
    for first, *rest in [(1, 2, 3)]:
        pass
    for i, (
        a,
        b,
    ) in enumerate(
        [
            (1, 2),
            (3, 4),
        ]
    ):
        holder[i] = a + b
    return holder


def multi_line(values):
    for value in (
        v
        for v in values
        if v
    ):
        if (
            value
            and value > 1
        ):
            continue
        values = (
            values
            + [value]
        )
    while (
        len(values)
        > 1
        and values
    ):
        values = values[
            1:
        ]
    return values


def continue_in_try(values):
    done = []
    for value in values:
        try:
            if value == 1:
                continue
            if value == 2:
                break
            done.append(value)
        finally:
            done.append("finally")
    for value in values:
        try:
            1 / value
        except ZeroDivisionError:
            continue
        else:
            break
    return done


def continue_at_end(n):
    while n:
        n -= 1
        if n == 1:
            n = 1
        else:
            continue
    for n in range(2):
        if n:
            pass
        continue
    return n


def condition_at_end(n):
    total = 0
    for i in range(n):
        if i == 1:
            total += 1
    while n:
        n -= 1
        if n == 100:
            total += 1
    return total


def loop_at_end(n):
    for i in range(n):
        if i:
            n += i


def return_in_loop(values):
    for value in values:
        if value:
            return value
    return None


def return_from_first(values):
    for value in values:
        return value


def deleted(values):
    while values:
        del values[0]
    for value in [1, 2]:
        del value


def main():
    plain(3)
    plain(0)
    with_else([0, 1, 2, 3])
    while_else(0)
    while_else(5)
    forever(0)
    forever_with_else(0)
    try:
        forever_until_error([1, 2])
    except StopIteration:
        pass
    never()
    nested(3)
    one_liners(2)
    targets([(1, (2, 3))])
    multi_line([0, 1, 2])
    continue_in_try([0, 1, 2])
    continue_at_end(3)
    condition_at_end(3)
    loop_at_end(2)
    return_in_loop([0, 1])
    return_in_loop([])
    return_from_first([1])
    deleted([1, 2])
