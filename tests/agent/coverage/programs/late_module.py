"""Imported after the attach."""  # ran

NUMBER = 2  # ran


def double(value):  # ran
    if value > 100:  # ran
        return None  # not
    return value * NUMBER  # ran
