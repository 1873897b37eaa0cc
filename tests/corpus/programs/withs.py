"""with: several items, over several lines, with exits that suppress, raise or are skipped."""

import contextlib
import io


class Context:
    """Notes what happens; suppresses if told so."""

    def __init__(self, suppress=False, fail_in=""):
        self.suppress = suppress
        self.fail_in = fail_in

    def __enter__(self):
        if self.fail_in == "enter":
            raise ValueError("enter")
        return self, 1

    def __exit__(self, *error):
        if self.fail_in == "exit":
            raise ValueError("exit")
        return self.suppress


@contextlib.contextmanager
def made(n):
    try:
        yield n
    except KeyError:
        n += 1
    else:
        n += 2
    finally:
        n += 3


def single():
    with Context():
        a = 1
    with Context() as (context, number):
        a = number
    with Context(): a = 2
    with Context() as pair: pass
    with open("/dev/null") as file:
        file.read()
    return a, pair


def several(n):
    with Context() as a, Context() as b:
        n += 1
    with Context(), \
            Context():
        n += 1
    with made(1) as one, made(
        2
    ) as two, contextlib.nullcontext(
        n
    ):
        n += one + two
    with Context() as holder.attribute, Context() as holder.table["key"]:
        pass
    return n, a, b


class Holder:
    attribute = None
    table = {}


holder = Holder()


def nested(n):
    with Context():
        with Context():
            if n == 1:
                return 1
            with Context():
                n += 1
        n += 1
    with Context():
        with Context():
            pass


def suppresses(kind):
    with Context(suppress=True):
        if kind:
            raise kind
        kind = "not raised"
    with contextlib.suppress(KeyError, ValueError):
        raise KeyError
    with Context(suppress=True), Context():
        raise ValueError
    with made(1):
        raise KeyError
    return kind


def suppresses_last():
    with Context(suppress=True):
        raise ValueError


def returns(n):
    with Context():
        if n:
            return n
        n = 2
    with Context(suppress=True):
        return n


def returns_call():
    with Context():
        return single()


def loops(values):
    found = []
    for value in values:
        with Context():
            if value == 1:
                continue
            if value == 2:
                break
            found.append(value)
    while True:
        with Context(suppress=True):
            if found:
                break
            found.append(1)
            raise ValueError
    for value in values:
        with Context():
            found.append(value)
    return found


def loop_inside(values):
    with Context():
        for value in values:
            if value:
                values = value
    with Context():
        while values:
            values -= 1


def condition_last(n):
    with Context():
        if n:
            n = 1


def try_inside(n):
    with Context():
        try:
            if n:
                raise ValueError
        except ValueError:
            n = 2
        finally:
            n += 1
    try:
        with Context(fail_in="exit"):
            n += 1
    except ValueError:
        n += 2
    try:
        with Context(fail_in="enter"):
            n = "not reached"
    except ValueError:
        n += 3
    try:
        with Context():
            raise KeyError
    except KeyError:
        pass
    else:
        n = 0
    return n


def stack(n):
    with contextlib.ExitStack() as exits:
        for _ in range(n):
            exits.enter_context(Context())
        exits.callback(len, "")
        exits.push(lambda *error: True)
        raise ValueError
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print(n)
    with contextlib.closing(io.StringIO()):
        pass
    return out


@made(1)
def decorated():
    return 1


class Base(contextlib.ContextDecorator):
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


@Base()
def decorated_too(
    n=1,
):
    return n


with Context() as AT_MODULE:
    LEVEL = 1

with Context(suppress=True):
    raise ValueError


def main():
    single()
    several(1)
    nested(0)
    nested(1)
    suppresses(None)
    suppresses(ValueError)
    suppresses_last()
    returns(0)
    returns(1)
    returns_call()
    loops([0, 1, 2, 3])
    loops([])
    loop_inside([0, 2])
    condition_last(0)
    try_inside(0)
    try_inside(1)
    stack(2)
    decorated()
    decorated_too()
