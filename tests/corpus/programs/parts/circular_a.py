from parts import circular_b

VALUE = 1


def value():
    return circular_b.VALUE
