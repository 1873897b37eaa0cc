from parts import circular_a

VALUE = 2


def value():
    return circular_a.VALUE
