"""Generators: send, throw, close, yield from, return values, unfinished ones and their finalisation."""

import gc


def count(n):
    for i in range(n):
        yield i


def with_finally(log):
    try:
        yield 1
        yield 2
    finally:
        log.append("closed")


def handles():
    received = None
    while True:
        try:
            received = yield received
            if received == "end":
                return "ended"
        except KeyError:
            received = "key"
        except GeneratorExit:
            received = "exit"
            raise


def yields_in_handlers():
    try:
        yield 1
    except ValueError:
        yield 2
        try:
            yield 3
        except ValueError as error:
            yield error
        else:
            yield 4
    finally:
        yield 5


def delegating(log):
    result = yield from handles()
    log.append(result)
    yield from ()
    yield from count(2)
    yield from (
        n
        for n in range(2)
        if n
    )
    return [
        (yield 1),
        (yield 2),
    ]


def outer(log):
    value = yield from delegating(log)
    log.append(value)
    try:
        yield from with_finally(log)
    except KeyError:
        log.append("thrown through")
    if value:
        yield "last"


def expressions():
    x = yield
    y = 1 + (yield x)
    z = (
        yield
    ) if y else (
        yield 3
    )
    print_nothing((yield z), (yield))
    return x


def print_nothing(*values):
    return values


def ignores_exit():
    while 1:
        try:
            yield
        except GeneratorExit:
            return


def yields_on_exit():
    try:
        yield
    except GeneratorExit:
        yield


def raises(n):
    yield n
    raise ValueError(
        n
    )


def returns_early(n):
    if n:
        return
    yield n


def recursive(n):
    if n:
        yield n
        yield from recursive(n - 1)
    else:
        yield 0


def infinite():
    n = 0
    while True:
        yield n
        n += 1


def with_context():
    with open("/dev/null") as file:
        yield file
        for line in file:
            yield line


class Iterable:
    """An iterator by its methods, and one by a generator."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        for i in range(self.n):
            yield i
        yield from self

    def __next__(self):
        if self.n:
            self.n -= 1
            return self.n
        raise StopIteration


class Delegate:
    def __iter__(self):
        return self

    def __next__(self):
        return 1

    def send(self, value):
        raise StopIteration(value)

    def throw(self, *error):
        return 2

    def close(self):
        return None


def delegates_to_class():
    result = yield from Delegate()
    return result


def cycle(log):
    me = []
    generator = with_finally(log)
    me.append(generator)
    me.append(me)
    next(generator)
    return None


def zipped(n):
    return list(zip(count(n), map(lambda x: x + 1, count(n)), filter(None, count(n))))


def stepped(generator, *steps):
    """Send each of `steps`; exceptions are thrown in."""
    results = []
    for step in steps:
        try:
            if isinstance(step, type):
                results.append(generator.throw(step()))
            else:
                results.append(generator.send(step))
        except Exception as error:
            results.append(error)
    return results


def main():
    log = []
    list(count(3))
    stepped(with_finally(log), None, None, None)
    stepped(with_finally(log), None, KeyError)
    unfinished = with_finally(log)
    next(unfinished)
    unfinished.close()
    dropped = with_finally(log)
    next(dropped)
    del dropped
    stepped(handles(), None, 1, KeyError, "end")
    closed = handles()
    next(closed)
    closed.close()
    stepped(yields_in_handlers(), None, ValueError, None, None, None)
    stepped(yields_in_handlers(), None, ValueError, None, ValueError, None, None)
    stepped(outer(log), None, KeyError, "end", None, None, None, 5, 6, None, KeyError)
    stepped(expressions(), None, 1, 2, 3, 4, 5)
    ignoring = ignores_exit()
    next(ignoring)
    ignoring.close()
    refusing = yields_on_exit()
    next(refusing)
    try:
        refusing.close()
    except RuntimeError:
        pass
    stepped(raises(1), None, None)
    list(returns_early(1))
    list(recursive(3))
    numbers = infinite()
    for number in numbers:
        if number > 2:
            break
    list(with_context())
    iterable = Iterable(2)
    for _ in iterable:
        break
    next(iterable)
    stepped(delegates_to_class(), None, KeyError, 5)
    cycle(log)
    gc.collect()
    zipped(3)
    never_started = count(1)
    never_started.close()
    thrown_at_start = count(1)
    stepped(thrown_at_start, KeyError)
    a, b, *c = count(4)
    sorted(count(3), key=lambda n: -n)
