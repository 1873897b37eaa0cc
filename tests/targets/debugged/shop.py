"""What the servers that are debugged do. Lines that tests name end in a comment like `here: first`."""

import sys

STOCK = {"tea": 3, "milk": 0}


class OrderFailed(Exception):
    """Raised from the KeyError that was the cause."""


def discount(amount):
    """Called by price_of."""
    rate = 10  # here: first of discount
    return amount * rate // 100  # here: last of discount


def price_of(number):
    """7 each, a tenth less: 63 for 10."""
    unit = 7  # here: first of price
    amount = number * unit  # here: amount
    less = discount(amount)  # here: call
    total = amount - less  # here: total
    return total  # here: last of price


def sum_of(count):
    """0 + 1 + ... : 45 for 10."""
    total = 0
    for number in range(count):
        total += number  # here: loop
    return total  # here: after loop


def lookup(name):
    return STOCK[name]  # here: raises first


def order(name):
    try:
        return lookup(name)
    except KeyError as error:
        raise OrderFailed("no " + name) from error  # here: raises


def announce(number):
    """Writes to both streams."""
    print("announced", number)  # here: announce
    print("warned", number, file=sys.stderr)
    return number  # here: announced


class Basket:
    """Code in a class, in a closure, and behind a decorator-like wrapper."""

    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)  # here: method
        return len(self.items)

    def counter(self):
        def count():
            return len(self.items)  # here: closure

        return count


def basket(item):
    own = Basket()
    own.add(item)
    return own.counter()()


def asks():
    """A line of the program's own that calls the debugger."""
    answer = 1
    breakpoint()  # here: breakpoint
    return answer  # here: after breakpoint


def asks_pdb():
    import pdb

    answer = 2
    pdb.set_trace()  # here: set_trace
    return answer  # here: after set_trace


def later(number):
    """The module is imported by the first request."""
    import shop_later

    return shop_later.twice(number)


ROUTES = {"price": price_of, "sum": sum_of, "announce": announce, "later": later}


def answer(path):
    """(status, text) for `/price/10`, `/order/tea`, ..."""
    name, _, argument = path.lstrip("/").partition("/")
    if name in ROUTES:
        return 200, str(ROUTES[name](int(argument)))
    if name == "order":
        try:
            return 200, str(order(argument))
        except OrderFailed as error:
            return 500, "failed: %s" % error
    if name == "basket":
        return 200, str(basket(argument))
    if name == "asks":
        return 200, str(asks())
    if name == "asks_pdb":
        return 200, str(asks_pdb())
    return 200, "it works"
